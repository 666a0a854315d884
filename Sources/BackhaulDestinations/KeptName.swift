package import BackhaulDomain

/// The second name of a file whose key another content holds: `IMG_0001~1f2e3d4c.JPG`, by the first digits of its own
/// SHA-256, before the last extension. The same content always gets the same name, so that a repeated attempt finds
/// what an earlier one stored.
package enum KeptName {
    /// - Parameter digits: how many digits of the SHA-256.
    package static func of(_ key: ByteText, sha256: String, digits: Int) -> ByteText {
        let bytes = Array(key.utf8)
        let start = bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
        // The first byte of a name is never the dot of an extension: `.profile` has none.
        let dot = bytes[min(start + 1, bytes.count)...].lastIndex(of: UInt8(ascii: ".")) ?? bytes.count
        let name = bytes[..<dot] + Array("~\(sha256.prefix(digits))".utf8) + bytes[dot...]
        return ByteText(String(decoding: name, as: UTF8.self))
    }
}
