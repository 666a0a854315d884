internal import BackhaulDomain
internal import BackhaulFiles
internal import BackhaulTransfer
internal import BackhaulUnits
internal import Crypto
internal import Foundation

/// The name of a file that is not whole yet: the same for another attempt, which goes on with what this one leaves or
/// replaces it, and another one for another content.
enum TemporaryName {
    /// The folder of such names, below that of the objects.
    static let folder = ".backhaul-tmp"

    static func of(_ key: String, _ body: TransferBody) -> String {
        var hash = SHA256()
        hash.update(data: Data(key.utf8))
        hash.update(data: Data("\u{0}\(body.size)\u{0}\(body.attributes?.modifiedAt.nanoseconds ?? 0)".utf8))
        if case .bytes(let loaded) = body { hash.update(data: Data(loaded.sha256.utf8)) }
        return Hex.encode(hash.finalize().prefix(16))
    }

    static func isOurs(_ name: some StringProtocol) -> Bool {
        name.utf8.count == 32 && Hex.decode(String(name)) != nil
    }

    /// Whether a key is in the folder.
    static func reserves(_ key: String) -> Bool {
        key.utf8.elementsEqual(folder.utf8) || key.utf8.starts(with: "\(folder)/".utf8)
    }
}
