internal import BackhaulDomain
package import BackhaulTransfer
internal import BackhaulUnits

/// Finds out the size of an object, and its SHA-256 where the server states it (RFC 9530).
package struct HTTPLook: Dialect {
    private let destination: HTTPDestination
    private let url: String
    /// Whether the object is read, because a HEAD did not tell its length.
    private var isReading = false

    package init(destination: HTTPDestination, key: String) {
        self.destination = destination
        url = destination.url(of: key)
    }

    package mutating func begin() -> Step { .request(destination.request("HEAD", url)) }

    package mutating func next(_ report: TransferReport) -> Step {
        if report.failure == nil, report.status == 404 || report.status == 410 { return .absent }
        if !isReading, report.failure == nil, let status = report.status {
            // Not every server answers a HEAD, or names the length in it (RFC 9110, section 8.6: it need not).
            let isUnanswered = status == 405 || status == 501
            let isWithoutLength = (200..<300).contains(status) && length(report) == nil
            if isUnanswered || isWithoutLength {
                isReading = true
                return .request(destination.request("GET", url, sink: .hash))
            }
        }
        if let failure = HTTPAnswer.failure(report, doing: "looking for an object at the key") {
            return .failed(failure)
        }
        if isReading {
            return .stored(
                StoredObject(size: report.bytesReceived, sha256: report.receivedSHA256 ?? "", verification: .readBack))
        }
        return .stored(
            StoredObject(
                size: length(report) ?? .zero, sha256: HTTPAnswer.digest(report) ?? "", verification: .digest))
    }

    private func length(_ report: TransferReport) -> ByteCount? {
        report.header("content-length").flatMap { UInt64($0) }.map { ByteCount($0) }
    }
}
