internal import BackhaulDomain
internal import Crypto

/// What is known of a part of the source once it is read.
package struct PartDigest: Hashable, Sendable {
    /// SHA-256, lower-case hex.
    package var sha256: String
    /// The checksum that was asked for; nil for none.
    package var checksum: [UInt8]?
    /// nil where it was not asked for.
    package var md5: [UInt8]?
    /// SHA-256 of the whole source, lower-case hex: of its last part, once every part was read in order.
    package var whole: String?
    /// The checksum of the whole source; with `whole`.
    package var wholeChecksum: [UInt8]?

    package init(sha256: String, checksum: [UInt8]? = nil, md5: [UInt8]? = nil, whole: String? = nil) {
        self.sha256 = sha256
        self.checksum = checksum
        self.md5 = md5
        self.whole = whole
    }
}

extension PartDigest {
    /// SHA-256 of bytes in memory, lower-case hex.
    package static func sha256(of bytes: [UInt8]) -> String { Hex.encode(SHA256.hash(data: bytes)) }
}
