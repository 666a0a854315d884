/// A file's whole content and its SHA-256.
package struct LoadedBytes: Sendable {
    package var bytes: [UInt8]
    /// Lower-case hex.
    package var sha256: String

    /// The attributes of the file; nil for bytes that are not from a file.
    package var attributes: FileAttributes?

    package init(bytes: [UInt8], sha256: String, attributes: FileAttributes? = nil) {
        self.bytes = bytes
        self.sha256 = sha256
        self.attributes = attributes
    }
}
