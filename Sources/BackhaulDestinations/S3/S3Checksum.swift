internal import BackhaulDomain
internal import BackhaulTransfer
internal import Crypto
internal import Foundation

/// What a store is asked to check of the bytes that it gets, beside the signed SHA-256.
package enum S3Checksum: String, Hashable, Sendable, CaseIterable {
    /// Kept with the object; of an object in parts, the SHA-256 of its parts' digests.
    case sha256
    case crc32c
    case crc64nvme
    /// `Content-MD5`, and the ETag that follows from it: for stores that know no other.
    case md5
    case none

    /// What is computed for it while a part is hashed.
    var kind: ChecksumKind? {
        switch self {
        case .sha256, .none: nil
        case .crc32c: .crc32c
        case .crc64nvme: .crc64nvme
        case .md5: .md5
        }
    }

    /// As `x-amz-checksum-algorithm` names it; nil for none that the store keeps.
    var algorithm: String? {
        switch self {
        case .sha256: "SHA256"
        case .crc32c: "CRC32C"
        case .crc64nvme: "CRC64NVME"
        case .md5, .none: nil
        }
    }

    /// The header of a request and of its answer; nil for none.
    var header: String? { algorithm.map { "x-amz-checksum-\($0.lowercased())" } }

    /// The element of a part in XML; nil for none.
    var element: String? { algorithm.map { "Checksum\($0)" } }

    /// The value of a part as the store writes it, in base64; nil for none.
    func value(_ digest: PartDigest) -> String? {
        switch self {
        case .sha256: Hex.decode(digest.sha256).map { Data($0).base64EncodedString() }
        case .crc32c, .crc64nvme, .md5: digest.checksum.map { Data($0).base64EncodedString() }
        case .none: nil
        }
    }

    /// The headers that a body of these digests is sent with.
    func headers(_ digest: PartDigest) -> [(name: String, value: String)] {
        guard let value = value(digest) else { return [] }
        if self == .md5 { return [("Content-MD5", value)] }
        return header.map { [($0, value)] } ?? []
    }

    /// What the store says of an object in parts: `QvzQa/…=-2`; nil where it says nothing of its parts' checksums.
    func expected(_ digests: [PartDigest]) -> String? {
        switch self {
        case .sha256:
            let all = digests.compactMap { Hex.decode($0.sha256) }
            guard all.count == digests.count else { return nil }
            let digest = SHA256.hash(data: Data(all.joined()))
            return "\(Data(digest).base64EncodedString())-\(digests.count)"
        case .crc32c:
            let all = digests.compactMap(\.checksum)
            guard all.count == digests.count else { return nil }
            return "\(Data(ChecksumKind.crc32c.of(Array(all.joined()))).base64EncodedString())-\(digests.count)"
        // Of the whole object, as its algorithm allows.
        case .crc64nvme: return digests.last?.wholeChecksum.map { Data($0).base64EncodedString() }
        case .md5, .none: return nil
        }
    }

    /// Whether a store means the same by two values: some leave the number of parts out.
    static func isSame(_ stated: String, _ expected: String) -> Bool {
        stated == expected || !stated.contains("-") && expected.hasPrefix("\(stated)-")
    }

    /// The ETag of an object in parts: MD5 of its parts' MD5s, `-` and their number; nil where a part's ETag is none.
    static func entityTag(ofParts tags: [String]) -> String? {
        let all = tags.compactMap { Hex.decode(bare($0)) }
        guard all.count == tags.count, all.allSatisfy({ $0.count == 16 }) else { return nil }
        return "\(Hex.encode(ChecksumKind.md5.of(Array(all.joined()))))-\(tags.count)"
    }

    /// An ETag without its quotes.
    static func bare(_ tag: String) -> String {
        tag.count >= 2 && tag.hasPrefix("\"") && tag.hasSuffix("\"") ? String(tag.dropFirst().dropLast()) : tag
    }
}
