internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// Finds out of which size a complete upload is, or reads it. A server need not know one any more, nor give it back: to
/// find none does not prove that it is lost.
package struct TusLook: Dialect {
    private let destination: TusDestination
    private let url: String
    private let reads: Bool

    /// - Parameter reads: whether to read the bytes.
    package init(destination: TusDestination, url: String, reads: Bool) {
        self.destination = destination
        self.url = url
        self.reads = reads
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        .request(destination.request(reads ? "GET" : "HEAD", url, sink: reads ? .hash : nil))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if let status = report.answered, [404, 405, 410, 501].contains(status) {
            return .failed(
                Failure(
                    .permanent,
                    "the server does not have the upload at its URL, or does not give it back (\(status)): a "
                        + "tus server may move what is complete", httpStatus: status))
        }
        if let failure = TusAnswer.failure(report, doing: "looking for the upload") { return .failed(failure) }
        if reads {
            return .stored(
                StoredObject(size: report.bytesReceived, sha256: report.receivedSHA256 ?? "", verification: .readBack))
        }
        guard let offset = TusWire.offset(report) else {
            return .failed(Failure(.permanent, "looking for the upload: the server names no offset"))
        }
        guard offset == TusWire.length(report) ?? offset else { return .absent }
        return .stored(StoredObject(size: offset, sha256: "", verification: .size))
    }
}
