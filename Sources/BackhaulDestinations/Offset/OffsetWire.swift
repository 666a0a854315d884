package import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// How a protocol says what an `OffsetUpload` does: create an upload, ask for its offset, append behind it.
package protocol OffsetWire: Sendable {
    /// Where uploads are created: one of another place means nothing here.
    var place: String { get }
    /// Whether a small file may go along with the creation.
    var createsWithBody: Bool { get }
    /// Whether the server checks the SHA-256 of a part, so that it is sent; known after `discovered`.
    var checksSums: Bool { get }
    /// The most that one request sends; nil for any size.
    var largestPart: ByteCount? { get }

    /// Asks what the server can.
    func discovery() -> TransferRequest
    /// - Returns: why the server cannot take a file of this size.
    mutating func discovered(_ report: TransferReport, size: ByteCount) -> Failure?
    func creation(_ body: TransferBody, hasBody: Bool) -> TransferRequest
    /// The URL that a `Location` names.
    /// - Throws: `Failure` for one where the credentials must not go.
    func upload(at location: String) throws(Failure) -> String
    func question(_ url: String) -> TransferRequest
    /// - Parameters:
    ///   - isLast: whether the file ends with the part.
    ///   - sha256: of the part, lower-case hex; nil where it is not known.
    func append(
        _ part: TransferBody, to url: String, from: ByteCount, isLast: Bool, sha256: String?
    ) -> TransferRequest
    /// The failure that a report means; nil for a 2xx.
    func failure(_ report: TransferReport, doing what: String) -> Failure?
    /// Whether the answer to a question says that the upload is not there, or no more.
    func isGone(_ report: TransferReport) -> Bool
    func removal(_ url: String) -> TransferRequest
    /// Whether the answer about an upload that has all bytes says that it is complete.
    func isComplete(_ report: TransferReport) -> Bool
    /// Whether the answer to the last part says that the object is stored, whatever its offset.
    func isEnd(_ report: TransferReport) -> Bool

    /// Everything is at the server: checks it.
    /// - Parameters:
    ///   - report: the answer to the last part; nil where it was lost.
    ///   - checked: whether the server has checked the sums of all parts.
    mutating func end(_ report: TransferReport?, _ url: String, size: ByteCount, sha256: String, checked: Bool) -> Step
    /// The step after one of `end`.
    mutating func next(_ report: TransferReport, now: Timestamp) -> Step
}

extension OffsetWire {
    static func offset(_ report: TransferReport) -> ByteCount? { number("upload-offset", report) }
    static func length(_ report: TransferReport) -> ByteCount? { number("upload-length", report) }

    private static func number(_ name: String, _ report: TransferReport) -> ByteCount? {
        report.header(name).flatMap { UInt64($0) }.map { ByteCount($0) }
    }

    /// Whether the upload is not there, or no more.
    static func isMissing(_ report: TransferReport) -> Bool { report.answered == 404 || report.answered == 410 }
}
