/// A file's whole content and its SHA-256.
package struct LoadedBytes: Sendable {
    package var bytes: [UInt8]
    /// Lower-case hex.
    package var sha256: String

    package init(bytes: [UInt8], sha256: String) {
        self.bytes = bytes
        self.sha256 = sha256
    }
}
