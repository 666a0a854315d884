internal import BackhaulFiles
internal import BackhaulTransfer
internal import BackhaulUnits

/// What a server says of a file or folder in answer to a PROPFIND (RFC 4918, section 9.1).
struct WebDAVProperties: Hashable, Sendable {
    /// As the server writes it.
    var path: String
    /// nil for a folder, and where the server does not say.
    var size: ByteCount?
    var modifiedAt: Timestamp?

    /// The request for a file's properties, or with `depth` 1 of all in a folder.
    static func request(_ destination: WebDAVDestination, _ url: String, depth: Int) -> TransferRequest {
        let bytes = Array(
            ("<?xml version=\"1.0\"?><propfind xmlns=\"DAV:\"><prop><getcontentlength/><getlastmodified/></prop>"
                + "</propfind>").utf8)
        return destination.request(
            "PROPFIND", url, headers: [("Depth", String(depth)), ("Content-Type", "application/xml")],
            body: .bytes(LoadedBytes(bytes: bytes, sha256: PartDigest.sha256(of: bytes))),
            sink: .keep(ByteCount(1 << 20)))
    }

    /// - Returns: nil for bytes that are not such an answer.
    static func read(_ bytes: [UInt8]) -> [WebDAVProperties]? {
        guard let tree = XMLTree(bytes), tree.name == "multistatus" else { return nil }
        return tree.all("response").compactMap { response in
            guard let path = response["href"] else { return nil }
            let properties = response.all("propstat").compactMap { $0.first("prop") }
            return WebDAVProperties(
                path: path,
                size: properties.lazy.compactMap { $0["getcontentlength"].flatMap { UInt64($0) } }.first.map(
                    ByteCount.init),
                modifiedAt: properties.lazy.compactMap { $0["getlastmodified"].flatMap(HTTPDate.parse) }.first)
        }
    }
}
