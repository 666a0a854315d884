package import BackhaulDomain
package import BackhaulTransfer
internal import Foundation

/// Interprets HTTP responses for every dialect that has no codes of its own.
package enum HTTPAnswer {
    /// The failure that a report means, nil for a 2xx. Transient statuses follow rclone's retryErrorCodes and
    /// botocore's standard mode.
    package static func failure(_ report: TransferReport, doing what: String) -> Failure? {
        if let failure = report.failure, report.answered == nil {
            // The engine ends a transfer that is answered too early; an early redirect still has its status.
            if let status = report.status, report.isEarly, (300..<400).contains(status) {
                return refusal(status, report, what)
            }
            return failure.classified
        }
        guard let status = report.status else { return Failure(.transient, "\(what): the server gave no answer") }
        return (200..<300).contains(status) ? nil : refusal(status, report, what)
    }

    private static func refusal(_ status: Int, _ report: TransferReport, _ what: String) -> Failure {
        let text = "\(what): the server answered \(status)"
        switch status {
        case 429, 503:
            guard let wait = report.retryAfter else { return Failure(.transient, text, httpStatus: status) }
            return Failure(
                .throttled, "\(text) and asks to wait \(wait.components.seconds) s", httpStatus: status,
                retryAfter: wait)
        case 408, 423, 425, 500, 502, 504, 509:
            return Failure(.transient, text, httpStatus: status)
        case 300..<400:
            return Failure(
                .permanent, "\(text): redirects are not followed; configure the URL it redirects to",
                httpStatus: status)
        case 401, 403, 407:
            return Failure(.refused, "\(text): check the destination's credentials", httpStatus: status)
        default:
            // Other 5xx are server errors that may pass, as does a full disk (507); 501, 505 and 511 do not pass.
            let passes = (500..<600).contains(status) && ![501, 505, 511].contains(status)
            return Failure(passes ? .transient : .permanent, text, httpStatus: status)
        }
    }

    /// Whether a HEAD was not answered, or without a length: not every server answers one, or names the length in it
    /// (RFC 9110, section 8.6: it need not).
    static func lacksLength(_ report: TransferReport) -> Bool {
        guard report.failure == nil, let status = report.status else { return false }
        return status == 405 || status == 501
            || (200..<300).contains(status) && report.header("content-length") == nil
    }

    /// The SHA-256 of the stored representation as the response states it (RFC 9530 `Repr-Digest`), lower-case hex.
    package static func digest(_ report: TransferReport) -> String? {
        guard let field = report.header("repr-digest") else { return nil }
        for item in field.split(separator: ",") {
            let item = item.trimmingCharacters(in: .whitespaces)
            guard item.lowercased().hasPrefix("sha-256=:"), item.hasSuffix(":") else { continue }
            return Data(base64Encoded: String(item.dropFirst(9).dropLast())).map { Hex.encode($0) }
        }
        return nil
    }
}

extension TransferError {
    /// The failure with its class, for the verdict.
    package var classified: Failure {
        switch self {
        case .badURL, .untrusted, .storeRefused, .objectMissing: Failure(.permanent, description)
        // A key that differs is a server that must not get the files: they wait for the operator.
        case .loginDenied, .unknownServer: Failure(.refused, description)
        case .objectExists: Failure(.keyTaken, description)
        case .egressRefused: Failure(.egressRefused, description)
        case .sourceChanged: Failure(.sourceChanged, description)
        case .sourceUnreadable: Failure(.transient, description, isOfSource: true)
        case .unresolved, .notConnected, .handshake, .timedOut, .broken, .protocolError, .storeFailed, .commandFailed,
            .internalError:
            Failure(.transient, description)
        }
    }
}
