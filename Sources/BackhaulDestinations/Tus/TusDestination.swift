package import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits
internal import Foundation

/// A server of the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload): tusd, Uppy Companion, Supabase,
/// Cloudflare Stream.
package struct TusDestination: DestinationType {
    package static let name = "tus"
    package static let summary =
        "A server of the tus protocol 1.0.0, such as tusd or Supabase. An upload goes on behind what the server has, also "
        + "on another worker. The server names the objects. See docs/destinations/TUS.md."
    package static let fields =
        [
            DestinationField(
                "url", .text,
                help: "The URL at which the server creates uploads: http or https, no user name or password, no query."),
            DestinationField(
                "uploadOrigin", .text, isOptional: true, help: UploadOrigin.help),
            DestinationField(
                "partSize", .size(OffsetSizes.parts), isOptional: true,
                help: "The most that one request sends, for servers or proxies with a limit. By default all of it, or "
                    + "64MiB where the server takes checksums."),
            FileCheck.field(
                "What is checked before an upload counts as a success: `size` for the size that the server has, or "
                    + "`read-back` for a GET of the upload whose bytes are compared as well; not every server gives "
                    + "them back."),
        ]
        + HTTPDestination.fields.filter { field in
            [
                "username", "passwordFile", "bearerTokenFile", "headersFile", "caFile", "clientCertificateFile",
                "clientKeyFile",
            ].contains(field.name)
        }
    package static let verifications = [
        (word: Verification.size, meaning: "The server said that it has as many bytes as the file (`verify: size`)."),
        (
            word: Verification.tusChecksum,
            meaning:
                "The same, and the server checked the SHA-256 of each part that was sent (`verify: size`, where it "
                + "has the extension `checksum`)."
        ),
        (
            word: Verification.readBack,
            meaning: "The bytes of a GET had the SHA-256 that was sent (`verify: read-back`)."
        ),
    ]

    package static let namesObjects = true

    /// The URL of creation, headers and TLS.
    package var base: HTTPDestination
    package var uploadOrigin: String?
    package var partSize: ByteCount?
    package var check: FileCheck

    package init(
        base: HTTPDestination, uploadOrigin: String? = nil, partSize: ByteCount? = nil, check: FileCheck = .size
    ) {
        self.base = base
        self.uploadOrigin = uploadOrigin
        self.partSize = partSize
        self.check = check
    }

    package init(_ fields: DestinationFields) throws(DestinationFields.InvalidError) {
        self.init(
            base: try HTTPDestination(connecting: fields), uploadOrigin: try UploadOrigin.field(fields),
            partSize: fields.has("partSize") ? fields.size("partSize") : nil, check: try fields.choice("verify"))
    }

    package var description: String {
        "tus \(base.url) verify=\(check.rawValue)" + (uploadOrigin.map { " uploadOrigin=\($0)" } ?? "")
            + (partSize.map { " partSize=\($0)" } ?? "")
    }

    package var resumption: Resumption { .saved(from: OffsetSizes.atOnce + ByteCount(1)) }

    /// The server names each upload: nothing is replaced, with or without `onlyIfAbsent`.
    package func upload(
        key: ByteText, body: TransferBody, contentType: String, onlyIfAbsent: Bool
    ) -> any Dialect {
        OffsetUpload(TusWire(destination: self, key: key.text, contentType: contentType), key: key.text, body: body)
    }

    package func discard(key: ByteText, state: [UInt8]) -> (any Dialect)? {
        // Anyone may have written the state: nothing else at the origin is removed.
        guard let state = OffsetUploadState(state), state.place == base.url, let url = try? upload(at: state.upload),
            name(of: url) != nil || uploadOrigin != nil
        else { return nil }
        return TusRemoval(destination: self, url: url)
    }

    package func look(key: ByteText) -> any Dialect {
        TusLook(destination: self, url: base.url(of: key.text), reads: false)
    }

    package func readBack(key: ByteText) -> any Dialect {
        TusLook(destination: self, url: base.url(of: key.text), reads: true)
    }

    package func remove(key: ByteText) -> any Dialect { TusRemoval(destination: self, url: base.url(of: key.text)) }

    // MARK: Requests

    /// A request with what every request has.
    func request(
        _ method: String, _ url: String, headers: [(name: String, value: String)] = [], body: TransferBody = .none,
        sink: ResponseSink? = nil
    ) -> TransferRequest {
        base.request(method, url, headers: [("Tus-Resumable", "1.0.0")] + headers, body: body, sink: sink)
    }

    // MARK: URLs of uploads

    /// - Throws: `Failure`.
    func upload(at location: String) throws(Failure) -> String {
        try UploadOrigin(base.url, other: uploadOrigin).url(at: location)
    }

    /// The name of an upload below `url`, under which it is looked for later; nil for one that is elsewhere.
    func name(of upload: String) -> ByteText? {
        guard let parts = URLComponents(string: upload), let folder = URLComponents(string: base.url)?.path,
            UploadOrigin.origin(of: upload) == UploadOrigin.origin(of: base.url), parts.query == nil,
            !parts.percentEncodedPath.lowercased().contains("%2f")
        else { return nil }
        var path = parts.path
        let prefix = folder.hasSuffix("/") ? folder : folder + "/"
        guard path.utf8.starts(with: prefix.utf8) else { return nil }
        path = String(decoding: path.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
        let name = ByteText(path)
        // Servers write some characters as they are that a key's URL has in digits.
        guard URLComponents(string: base.url(of: path))?.path == parts.path, (try? TaskRules.checkKey(name)) != nil
        else {
            return nil
        }
        return name
    }
}

extension Verification {
    /// The server checked the SHA-256 of each part.
    package static let tusChecksum = Verification(rawValue: "tus-checksum")
}
