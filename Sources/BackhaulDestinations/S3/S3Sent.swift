internal import BackhaulDomain
internal import BackhaulTransfer
internal import BackhaulUnits

/// What the answer to bytes that were sent proves, of a whole object or of a part.
enum S3Sent {
    /// - Returns: nil when the store has the bytes, as far as its answer tells.
    static func failure(
        _ report: TransferReport, size: ByteCount, _ digest: PartDigest, _ destination: S3Destination,
        isConditional: Bool = false, doing what: String
    ) -> Failure? {
        // A server that answers 2xx before it has the bytes may have stored nothing.
        let isEarly = report.isEarly && (200..<300).contains(report.status ?? 0)
        if !isEarly, let failure = S3Answer.failure(report, isConditional: isConditional, doing: what) {
            return failure
        }
        guard !isEarly, report.bytesSent >= size else {
            return Failure(
                .integrity, "\(what): the store answered before it had all bytes", httpStatus: report.status)
        }
        // The body was hashed before, for the signature, and again while it was sent.
        if let sha256 = report.sha256, sha256 != digest.sha256 {
            return Failure(.integrity, "\(what): the file changed while it was sent")
        }
        if let stated = destination.checksum.header.flatMap({ report.header($0) }),
            stated != destination.checksum.value(digest)
        {
            return Failure(.integrity, "\(what): the store's checksum is not that of what was sent")
        }
        if destination.checksum == .md5, isPlain(report), let tag = tag(report), let sent = digest.checksum,
            let stated = Hex.decode(tag), stated.count == sent.count, stated != sent
        {
            return Failure(.integrity, "\(what): the store's ETag is not the MD5 of what was sent")
        }
        return nil
    }

    /// Whether the answer states the checksum of what was sent.
    static func isProven(_ report: TransferReport, _ digest: PartDigest, _ destination: S3Destination) -> Bool {
        if let stated = destination.checksum.header.flatMap({ report.header($0) }) {
            return stated == destination.checksum.value(digest)
        }
        guard destination.checksum == .md5, let sent = digest.checksum else { return false }
        return tag(report).flatMap(Hex.decode) == sent
    }

    static func tag(_ report: TransferReport) -> String? { report.header("etag").map(S3Checksum.bare) }

    /// Whether the ETag is an MD5: of what is encrypted with other keys than the store's own it is not.
    private static func isPlain(_ report: TransferReport) -> Bool {
        let encryption = report.header("x-amz-server-side-encryption")
        return (encryption == nil || encryption == "AES256")
            && report.header("x-amz-server-side-encryption-customer-algorithm") == nil
    }
}
