package import BackhaulFiles
package import BackhaulUnits

/// A part of a file that is sent by itself.
package struct FileSlice: Sendable {
    package var file: SourceFile
    /// Where it begins.
    package var offset: ByteCount
    package var size: ByteCount
    /// SHA-256 of its bytes, lower-case hex. They are not hashed again while they are sent: a file that has changed
    /// since shows by its size or time.
    package var sha256: String

    package init(file: SourceFile, offset: ByteCount, size: ByteCount, sha256: String) {
        self.file = file
        self.offset = offset
        self.size = size
        self.sha256 = sha256
    }
}
