internal import BackhaulDomain
internal import BackhaulFiles
package import BackhaulTransfer
package import BackhaulUnits

/// Uploads a file by one PUT or POST, and makes the check that is configured for the destination.
package struct HTTPUpload: Dialect {
    private enum State {
        case sending
        case checking(StoredObject, by: HTTPDestination.Check)
    }

    private var destination: HTTPDestination
    private let url: String
    private let body: TransferBody
    private let contentType: String
    private let onlyIfAbsent: Bool
    private var state = State.sending

    package init(
        destination: HTTPDestination, key: String, body: TransferBody, contentType: String, onlyIfAbsent: Bool = false
    ) {
        self.onlyIfAbsent = onlyIfAbsent
        self.destination = destination
        self.url = destination.url(of: key)
        self.body = body
        self.contentType = contentType.isEmpty ? "application/octet-stream" : contentType
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        .request(
            destination.request(
                destination.method.rawValue, url, headers: headers, body: body))
    }

    /// What the object's creation has beside the destination's own headers.
    var headers: [(name: String, value: String)] {
        // RFC 9110, section 13.1.2; a server that does not know it replaces the object.
        let condition = onlyIfAbsent ? [(name: "If-None-Match", value: "*")] : []
        var time: [(name: String, value: String)] = []
        if destination.modifiedTime == .ocMtime, let modifiedAt = body.attributes?.modifiedAt {
            time = [(name: "X-OC-Mtime", value: "\(modifiedAt.parts.seconds)")]
        }
        return [("Content-Type", contentType)] + condition + time
    }

    /// Makes the answer alone not suffice.
    mutating func requireCheck() {
        if destination.check == .answer { destination.check = .head }
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        switch state {
        case .sending: return sent(report)
        case .checking(let object, let check): return checked(report, object, by: check)
        }
    }

    private mutating func sent(_ report: TransferReport) -> Step {
        if onlyIfAbsent, report.answered == 412 {
            return .failed(Failure(.keyTaken, "the server has an object at the key already", httpStatus: 412))
        }
        // A server that answers 2xx before it has the bytes may have stored nothing.
        let isEarly = report.isEarly && (200..<300).contains(report.status ?? 0)
        if !isEarly, let failure = HTTPAnswer.failure(report, doing: "upload") { return .failed(failure) }
        guard !isEarly, report.bytesSent >= body.size, let sha256 = report.sha256 else {
            return .failed(
                Failure(
                    .integrity, "the server answered before it had all bytes; what it stored is unknown",
                    httpStatus: report.status))
        }
        var object = StoredObject(size: body.size, sha256: sha256, verification: .status)
        if let digest = HTTPAnswer.digest(report) {
            guard digest == sha256 else {
                return .failed(
                    Failure(
                        .integrity, "the server stored other bytes than were sent: its digest differs",
                        httpStatus: report.status))
            }
            object.verification = .digest
        }
        switch destination.check {
        case .answer:
            return .stored(object)
        case .head:
            state = .checking(object, by: .head)
            return .request(destination.request("HEAD", url))
        case .readBack:
            return readBack(object)
        }
    }

    private mutating func readBack(_ object: StoredObject) -> Step {
        state = .checking(object, by: .readBack)
        return .request(destination.request("GET", url, sink: .hash))
    }

    private mutating func checked(
        _ report: TransferReport, _ object: StoredObject, by check: HTTPDestination.Check
    ) -> Step {
        // To send the file again would change nothing; a GET tells more.
        if check == .head, HTTPAnswer.lacksLength(report) { return readBack(object) }
        if let failure = HTTPAnswer.failure(report, doing: "check of the stored object") {
            // The upload succeeded just before, so even a permanent failure of its check is worth a retry.
            let kind: FailureClass = failure.kind == .permanent ? .integrity : failure.kind
            return .failed(
                Failure(kind, failure.message, httpStatus: failure.httpStatus, retryAfter: failure.retryAfter))
        }
        var object = object
        if check == .head {
            guard report.header("content-length") == String(object.size.bytes) else {
                return .failed(
                    Failure(
                        .integrity,
                        "the stored object has \(report.header("content-length") ?? "unknown") bytes, "
                            + "\(object.size) were sent"
                    ))
            }
            object.verification = .length
        } else {
            guard report.receivedSHA256 == object.sha256 else {
                return .failed(Failure(.integrity, "the stored object, read back, differs from what was sent"))
            }
            object.verification = .readBack
        }
        return .stored(object)
    }
}
