internal import BackhaulUnits

/// A part that a store has of an upload.
struct S3ListedPart: Hashable, Sendable {
    var size: ByteCount
    /// As the store writes it, with its quotes.
    var tag: String
    /// In base64; nil where the store states none.
    var checksum: String?

    /// A page of ListParts.
    struct Page: Hashable, Sendable {
        var parts: [Int: S3ListedPart] = [:]
        /// Where the next page begins; nil for the last.
        var next: Int?

        /// - Returns: nil for an answer that is not such a page.
        init?(_ bytes: [UInt8], _ checksum: S3Checksum) {
            guard let tree = XMLTree(bytes), tree["UploadId"] != nil || tree["IsTruncated"] != nil else { return nil }
            for part in tree.all("Part") {
                guard let number = part["PartNumber"].flatMap({ Int($0) }),
                    let size = part["Size"].flatMap({ UInt64($0) }),
                    let tag = part["ETag"], !tag.isEmpty
                else { continue }
                parts[number] = S3ListedPart(
                    size: ByteCount(size), tag: tag, checksum: checksum.element.flatMap { part[$0] })
            }
            guard tree["IsTruncated"] == "true" else { return }
            next = tree["NextPartNumberMarker"].flatMap { Int($0) } ?? parts.keys.max()
        }
    }
}
