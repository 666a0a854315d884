package import BackhaulLog
internal import Crypto
internal import Foundation

/// The secrets that sign and verify records.
package struct SigningKeys: Sendable {
    /// Why a text is not a list of keys.
    package struct ParseError: Error, Hashable, Sendable, CustomStringConvertible {
        package var line: Int
        package var problem: String

        package var description: String { "line \(line): \(problem)" }
    }

    private struct Key: Sendable {
        var id: [UInt8]
        var secret: SymmetricKey
    }

    /// The first signs; each verifies.
    private var keys: [Key] = []

    /// The fewest bytes of a secret, the length of the digest (RFC 2104, section 3).
    package static let shortestSecret = 32
    private static let longestID = 64

    /// - Parameter text: one key a line: an id, a space, the secret in Base64. The first signs; each verifies. Empty
    ///   lines and lines that begin with `#` are skipped.
    /// - Throws: `ParseError`, which does not name the secret.
    package init(parsing text: String) throws(ParseError) {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            func fail(_ problem: String) -> ParseError { ParseError(line: index + 1, problem: problem) }
            guard words.count == 2 else { throw fail("it must be an id, a space and a secret in Base64") }
            guard first.utf8.count <= Self.longestID,
                first.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") })
            else {
                throw fail("an id has 1 to \(Self.longestID) visible ASCII characters and no ':'")
            }
            guard let secret = Data(base64Encoded: String(words[1])), secret.count >= Self.shortestSecret else {
                throw fail(
                    "the secret must be at least \(Self.shortestSecret) bytes in Base64: openssl rand -base64 32")
            }
            let id = Array(first.utf8)
            guard !keys.contains(where: { $0.id == id }) else { throw fail("id '\(first)' is there twice") }
            keys.append(Key(id: id, secret: SymmetricKey(data: secret)))
        }
        guard !keys.isEmpty else { throw ParseError(line: 1, problem: "the file has no key") }
    }

    /// Why a record is refused.
    package enum Refusal: String, Hashable, Sendable, CaseIterable {
        case unsigned
        case unknownKey = "unknown-key"
        case wrong

        var text: String {
            switch self {
            case .unsigned: "it is not signed"
            case .unknownKey: "it is signed with an unknown key"
            case .wrong: "its signature is wrong"
            }
        }
    }

    /// The record with a signature; an earlier one is replaced.
    package func sign(_ record: LogRecord, topic: String) -> LogRecord {
        var signed = record
        signed.headers.removeAll { $0.isNamed(HeaderName.signature) }
        guard let key = keys.first else { return signed }
        let digest = digest(of: signed, topic: topic, by: key.secret).bytes
        signed.headers.append(LogHeader(HeaderName.signature, key.id + [UInt8(ascii: ":")] + digest))
        return signed
    }

    /// - Returns: nil for a record that one of the keys has signed.
    package func refusal(of record: LogRecord, topic: String) -> Refusal? {
        // One signature: with two, the first could be a valid one of other headers.
        let signatures = record.headers.filter { $0.isNamed(HeaderName.signature) }
        guard signatures.count == 1, let value = signatures[0].value,
            let colon = value.firstIndex(of: UInt8(ascii: ":"))
        else { return .unsigned }
        guard let key = keys.first(where: { $0.id.elementsEqual(value[..<colon]) }) else { return .unknownKey }
        var unsigned = record
        unsigned.headers.removeAll { $0.isNamed(HeaderName.signature) }
        let digest = digest(of: unsigned, topic: topic, by: key.secret)
        return digest.isValid(value[(colon + 1)...]) ? nil : .wrong
    }

    /// HMAC-SHA-256 (RFC 2104) over the domain, the topic, the key, the value and each header's name and value, in
    /// order. Each is preceded by its length in four bytes, big-endian, so that none can pass for a part of another;
    /// null is preceded by `0xFFFFFFFF`.
    private func digest(of record: LogRecord, topic: String, by secret: SymmetricKey) -> RecordDigest {
        var digest = RecordDigest(secret)
        digest.add(Self.domain)
        digest.add(Array(topic.utf8))
        digest.add(record.key)
        digest.add(record.value)
        for header in record.headers {
            digest.add(Array(header.name.utf8))
            digest.add(header.value)
        }
        return digest
    }

    /// Keeps a signature of a record from being one of something else that the same secret signs.
    private static let domain = Array("backhaul-record-1".utf8)
}
