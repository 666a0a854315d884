internal import BackhaulDomain
internal import Crypto
internal import Foundation

/// A token as its table has it: never the token itself.
package struct APIToken: Hashable, Sendable {
    package var caller: Caller
    /// SHA-256 of the token's text, lower-case hex. A token has 256 random bits, so a plain hash cannot be searched.
    package var sha256: String

    package init(caller: Caller, sha256: String) {
        self.caller = caller
        self.sha256 = sha256
    }

    /// A fresh token and its hash: 256 bits of the system's generator, in letters that no shell, header or YAML gets wrong.
    package static func generate() -> (text: String, sha256: String) {
        var generator = SystemRandomNumberGenerator()
        let text = "bht_" + Hex.encode((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) })
        return (text, hash(text))
    }

    static func hash(_ text: String) -> String { Hex.encode(SHA256.hash(data: Data(text.utf8))) }
}
