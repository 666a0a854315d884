internal import BackhaulDomain
internal import Crypto
internal import Foundation

/// A token as stored in the table: its hashes, never its text.
package struct APIToken: Hashable, Sendable {
    package var caller: Caller
    /// SHA-256 of the token's texts, lower-case hex: one, or two during a rotation. A token has 256 random bits, so a
    /// plain hash cannot be reversed by search.
    package var sha256: [String]

    package init(caller: Caller, sha256: [String]) {
        self.caller = caller
        self.sha256 = sha256
    }

    /// Generates a token and its hash: 256 bits of the system's generator, in characters that need no quoting in a
    /// shell, header or YAML.
    package static func generate() -> (text: String, sha256: String) {
        var generator = SystemRandomNumberGenerator()
        let text = "bht_" + Hex.encode((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) })
        return (text, hash(text))
    }

    package static func hash(_ text: String) -> String { Hex.encode(SHA256.hash(data: Data(text.utf8))) }
}
