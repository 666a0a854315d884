internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// Finds out the size of an object, and its SHA-256 where the server states it (RFC 9530). Reads the object where a
/// HEAD does not tell.
package struct HTTPLook: Dialect {
    private let destination: HTTPDestination
    private let key: String
    private var reading: HTTPReadBack?

    package init(destination: HTTPDestination, key: String) {
        self.destination = destination
        self.key = key
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        .request(destination.request("HEAD", destination.url(of: key)))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if reading != nil { return reading?.next(report, now: now) ?? .absent }
        if HTTPAnswer.lacksLength(report) {
            var readBack = HTTPReadBack(destination: destination, key: key)
            defer { reading = readBack }
            return readBack.begin(DialectStart(now: now))
        }
        if report.answered == 404 || report.answered == 410 { return .absent }
        if let failure = HTTPAnswer.failure(report, doing: "looking for an object at the key") {
            return .failed(failure)
        }
        guard let size = report.header("content-length").flatMap({ UInt64($0) }) else {
            return .failed(Failure(.transient, "looking for an object at the key: its length is not a number"))
        }
        return .stored(
            StoredObject(size: ByteCount(size), sha256: HTTPAnswer.digest(report) ?? "", verification: .digest))
    }
}
