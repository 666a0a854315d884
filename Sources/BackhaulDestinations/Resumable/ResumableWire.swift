package import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits
internal import Foundation

/// The requests and answers of draft-ietf-httpbis-resumable-upload, versions 03 to 12. An upload is created without a
/// body, so that its URL is known, and saved, before the first byte is sent.
package struct ResumableWire: OffsetWire {
    private let destination: ResumableDestination
    private let url: String
    /// The upload without resumption: its headers, and its checks of what is stored.
    private var plain: HTTPUpload
    /// What the server allows.
    private var limit: ByteCount?

    package init(destination: ResumableDestination, key: String, plain: HTTPUpload) {
        self.destination = destination
        self.plain = plain
        url = destination.base.url(of: key)
    }

    package var place: String { url }
    package var createsWithBody: Bool { false }
    package var checksSums: Bool { false }
    package var largestPart: ByteCount? {
        guard let limit else { return destination.partSize }
        return min(limit, destination.partSize ?? limit)
    }

    package func discovery() -> TransferRequest { destination.request("OPTIONS", url) }

    package mutating func discovered(_ report: TransferReport, size: ByteCount) -> Failure? {
        if let failure = HTTPAnswer.failure(report, doing: "asking for resumable uploads"),
            failure.kind != .permanent
        {
            return failure
        }
        // A server that does not know the draft takes a creation for an empty file, and replaces the object by it.
        guard let field = report.header("upload-limit"), (200..<300).contains(report.status ?? 0) else {
            return Failure(
                .permanent,
                "the server does not offer resumable uploads (OPTIONS was answered \(report.status ?? 0), without "
                    + "Upload-Limit); use type http for it", httpStatus: report.status)
        }
        let limits = Self.dictionary(field)
        if let most = limits["max-size"], size.bytes > most {
            return Failure(.permanent, "the server takes files of up to \(most) bytes, this one has \(size)")
        }
        if let most = limits["max-append-size"] {
            // So many requests that the file would not arrive.
            guard most >= OffsetSizes.leastTaken.bytes else {
                return Failure(.permanent, "the server takes no more than \(most) bytes a request (max-append-size)")
            }
            limit = ByteCount(most)
        }
        return nil
    }

    /// The integers of a dictionary (RFC 9651), without their parameters.
    private static func dictionary(_ field: String) -> [String: UInt64] {
        var found: [String: UInt64] = [:]
        for member in field.split(separator: ",") {
            let pair = member.split(separator: ";")[...].first?.split(separator: "=", maxSplits: 1) ?? []
            guard pair.count == 2, let number = UInt64(pair[1].trimmingCharacters(in: .whitespaces)) else { continue }
            found[pair[0].trimmingCharacters(in: .whitespaces)] = number
        }
        return found
    }

    package func creation(_ body: TransferBody, hasBody: Bool) -> TransferRequest {
        destination.request(
            destination.base.method.rawValue, url,
            headers: plain.headers + [("Upload-Complete", "?0"), ("Upload-Length", "\(body.size)")])
    }

    package func upload(at location: String) throws(Failure) -> String { try destination.origin.url(at: location) }

    package func question(_ url: String) -> TransferRequest { destination.request("HEAD", url) }

    package func append(
        _ part: TransferBody, to url: String, from: ByteCount, isLast: Bool, sha256: String?
    ) -> TransferRequest {
        destination.request(
            "PATCH", url,
            headers: [
                ("Upload-Offset", "\(from)"), ("Upload-Complete", isLast ? "?1" : "?0"),
                ("Content-Type", "application/partial-upload"),
            ], body: part)
    }

    package func failure(_ report: TransferReport, doing what: String) -> Failure? {
        switch report.answered {
        case 412?: Failure(.keyTaken, "the server has an object at the key already", httpStatus: 412)
        case 409?: Failure(.transient, "\(what): the server has another part of the upload", httpStatus: 409)
        default: HTTPAnswer.failure(report, doing: what)
        }
    }

    package func isGone(_ report: TransferReport) -> Bool { Self.isMissing(report) }

    package func removal(_ url: String) -> TransferRequest { destination.request("DELETE", url) }

    package func isComplete(_ report: TransferReport) -> Bool { report.header("upload-complete") != "?0" }

    /// The answer to the last part is the object's own, and says so or says nothing.
    package func isEnd(_ report: TransferReport) -> Bool { report.header("upload-complete") != "?0" }

    package mutating func end(
        _ report: TransferReport?, _ url: String, size: ByteCount, sha256: String, checked: Bool
    ) -> Step {
        // Without the object's own answer only the object tells that it was stored.
        if report == nil { plain.requireCheck() }
        var whole = report ?? TransferReport(status: 200)
        whole.bytesSent = size
        whole.sha256 = sha256
        whole.isEarly = false
        return plain.next(whole, now: .earliest)
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step { plain.next(report, now: now) }
}
