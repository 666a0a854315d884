internal import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits
internal import Foundation

/// Finds out the size of an object, and its SHA-256 where the store keeps it.
package struct S3Look: Dialect {
    private let destination: S3Destination
    private let key: String

    package init(destination: S3Destination, key: String) {
        self.destination = destination
        self.key = key
    }

    package mutating func begin(_ start: DialectStart) -> Step { .request(Self.request(destination, key, start.now)) }

    static func request(_ destination: S3Destination, _ key: String, _ now: Timestamp) -> TransferRequest {
        destination.request("HEAD", key, headers: [("x-amz-checksum-mode", "ENABLED")], at: now)
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if report.answered == 404 { return .absent }
        if let failure = S3Answer.failure(report, doing: "looking for an object at the key") {
            return .failed(failure)
        }
        guard let size = report.header("content-length").flatMap({ UInt64($0) }) else {
            return .failed(Failure(.transient, "looking for an object at the key: the store names no length"))
        }
        // Of an object in parts, whose ETag has their number, the value is that of the parts' digests.
        let isInParts = report.header("etag")?.contains("-") ?? false
        let value = isInParts ? nil : report.header("x-amz-checksum-sha256").flatMap { Data(base64Encoded: $0) }
        let sha256 = value.flatMap { $0.count == 32 ? Hex.encode($0) : nil } ?? ""
        return .stored(StoredObject(size: ByteCount(size), sha256: sha256, verification: .checksum))
    }
}
