package import BackhaulFiles
package import BackhaulUnits

/// A part of a file to read and hash before it is sent.
package struct DigestRequest: Sendable {
    package var file: SourceFile
    package var offset: ByteCount
    package var size: ByteCount
    /// Computed beside the SHA-256; nil for none.
    package var checksum: ChecksumKind?
    /// Whether the MD5 is computed, too.
    package var hasMD5: Bool
    /// Tells the reports of steps that run together.
    package var tag: Int

    package init(
        file: SourceFile, offset: ByteCount, size: ByteCount, checksum: ChecksumKind? = nil, hasMD5: Bool = false,
        tag: Int = 0
    ) {
        self.file = file
        self.offset = offset
        self.size = size
        self.checksum = checksum
        self.hasMD5 = hasMD5
        self.tag = tag
    }
}
