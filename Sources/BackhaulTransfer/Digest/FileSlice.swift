package import BackhaulFiles
package import BackhaulUnits

/// A part of a file that is sent by itself.
package struct FileSlice: Sendable {
    package var file: SourceFile
    /// Where it begins.
    package var offset: ByteCount
    package var size: ByteCount

    package init(file: SourceFile, offset: ByteCount, size: ByteCount) {
        self.file = file
        self.offset = offset
        self.size = size
    }
}
