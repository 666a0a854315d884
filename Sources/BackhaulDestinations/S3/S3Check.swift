internal import BackhaulDomain
internal import BackhaulTransfer
internal import BackhaulUnits

/// The check of a stored object that its destination is configured for.
struct S3Check: Sendable {
    let destination: S3Destination
    let key: String
    var object: StoredObject
    /// What the store says of the object's checksum if it has what was sent; nil where that is not known.
    let checksum: String?

    /// The step after the object was stored.
    func begin(_ now: Timestamp) -> Step {
        switch destination.check {
        case .answer: .stored(object)
        case .head: .request(S3Look.request(destination, key, now))
        case .readBack: .request(destination.request("GET", key, sink: .hash, at: now))
        }
    }

    func next(_ report: TransferReport) -> Step {
        if let failure = S3Answer.failure(report, doing: "check of the stored object") {
            // The upload succeeded just before, so even a permanent failure of its check is worth a retry.
            let kind: FailureClass = failure.kind == .permanent ? .integrity : failure.kind
            return .failed(
                Failure(kind, failure.message, httpStatus: failure.httpStatus, retryAfter: failure.retryAfter))
        }
        var object = object
        if destination.check == .readBack {
            guard report.receivedSHA256 == object.sha256 else {
                return .failed(Failure(.integrity, "the stored object, read back, differs from what was sent"))
            }
            object.verification = .readBack
            return .stored(object)
        }
        guard report.header("content-length") == String(object.size.bytes) else {
            let size = report.header("content-length") ?? "unknown"
            return .failed(
                Failure(.integrity, "the stored object has \(size) bytes, \(object.size) were sent"))
        }
        if let checksum, let stated = destination.checksum.header.flatMap({ report.header($0) }) {
            guard S3Checksum.isSame(stated, checksum) else {
                return .failed(Failure(.integrity, "the stored object's checksum is not that of what was sent"))
            }
            object.verification = .checksum
        } else if object.verification != .checksum {
            object.verification = .length
        }
        return .stored(object)
    }
}
