internal import BackhaulDomain
internal import BackhaulFiles
package import BackhaulTransfer
package import BackhaulUnits

/// Uploads a file by one PutObject. The file is hashed first: its SHA-256 is signed with the request.
package struct S3PutUpload: Dialect {
    private enum State {
        case hashing
        case sending(PartDigest)
        case checking(S3Check)
    }

    private let destination: S3Destination
    private let object: S3Object
    private let body: TransferBody
    private var state = State.hashing

    package init(destination: S3Destination, object: S3Object, body: TransferBody) {
        self.destination = destination
        self.object = object
        self.body = body
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        let kind = destination.checksum.kind
        switch body {
        case .file(let file):
            return .digest(DigestRequest(file: file, offset: .zero, size: file.size, checksum: kind))
        case .bytes(let loaded):
            return send(PartDigest(sha256: loaded.sha256, checksum: kind?.of(loaded.bytes)), body, start.now)
        case .slice(let slice):
            return .digest(
                DigestRequest(file: slice.file, offset: slice.offset, size: slice.size, checksum: kind))
        case .none:
            return send(PartDigest(sha256: S3Destination.emptyPayload, checksum: kind?.of([])), body, start.now)
        }
    }

    private mutating func send(_ digest: PartDigest, _ body: TransferBody, _ now: Timestamp) -> Step {
        state = .sending(digest)
        return .request(
            destination.request(
                "PUT", object.key,
                headers: object.headers(destination) + object.condition + destination.checksum.headers(digest),
                body: body, payload: digest.sha256, at: now))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        switch state {
        case .hashing:
            guard let digest = report.digest, let file = body.file else {
                return .failed(Failure(.transient, "the file was not hashed"))
            }
            let offset = if case .slice(let slice) = body { slice.offset } else { ByteCount.zero }
            let slice = FileSlice(file: file, offset: offset, size: body.size)
            return send(digest, .slice(slice), now)
        case .sending(let digest):
            return sent(report, digest, now)
        case .checking(let check):
            return check.next(report)
        }
    }

    private mutating func sent(_ report: TransferReport, _ digest: PartDigest, _ now: Timestamp) -> Step {
        if let failure = S3Sent.failure(
            report, size: body.size, digest, destination, isConditional: object.onlyIfAbsent, doing: "upload")
        {
            return .failed(failure)
        }
        let stored = StoredObject(
            size: body.size, sha256: digest.sha256,
            verification: S3Sent.isProven(report, digest, destination) ? .checksum : .status)
        let check = S3Check(
            destination: destination, key: object.key, object: stored, checksum: destination.checksum.value(digest))
        state = .checking(check)
        return check.begin(now)
    }
}
