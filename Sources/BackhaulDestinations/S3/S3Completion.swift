/// The body of CompleteMultipartUpload.
enum S3Completion {
    /// - Parameter parts: the ETag of each as the store wrote it, and its checksum in base64 where there is one.
    static func bytes(_ parts: [(tag: String, checksum: String?)], _ checksum: S3Checksum) -> [UInt8] {
        var text = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        for (index, part) in parts.enumerated() {
            text += "<Part><PartNumber>\(index + 1)</PartNumber><ETag>\(escaped(part.tag))</ETag>"
            if let element = checksum.element, let value = part.checksum {
                text += "<\(element)>\(value)</\(element)>"
            }
            text += "</Part>"
        }
        return Array("\(text)</CompleteMultipartUpload>".utf8)
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
