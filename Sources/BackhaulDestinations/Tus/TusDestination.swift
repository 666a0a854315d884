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
                "uploadOrigin", .text, isOptional: true,
                help:
                    "The origin of the uploads' own URLs, such as `https://upload.example.com`, where the server sends "
                    + "them to another host than that of `url`. The credentials go there, too."),
            DestinationField(
                "partSize", .size(partSizes), isOptional: true,
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

    /// Of the setting `partSize`.
    package static let partSizes = TusUpload.largestAtOnce...ByteCount(1 << 40)

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
            base: try HTTPDestination(connecting: fields),
            partSize: fields.has("partSize") ? fields.size("partSize") : nil, check: try fields.choice("verify"))
        guard fields.has("uploadOrigin") else { return }
        guard let origin = Self.origin(of: fields["uploadOrigin"]), origin == fields["uploadOrigin"] else {
            throw DestinationFields.InvalidError(
                "uploadOrigin must be such as https://upload.example.com, without a path")
        }
        uploadOrigin = origin
    }

    package var description: String {
        "tus \(base.url) verify=\(check.rawValue)" + (uploadOrigin.map { " uploadOrigin=\($0)" } ?? "")
            + (partSize.map { " partSize=\($0)" } ?? "")
    }

    package var resumption: Resumption { .saved(from: TusUpload.largestAtOnce + ByteCount(1)) }

    /// The server names each upload: nothing is replaced, with or without `onlyIfAbsent`.
    package func upload(
        key: ByteText, body: TransferBody, contentType: String, onlyIfAbsent: Bool
    ) -> any Dialect {
        TusUpload(destination: self, key: key.text, body: body, contentType: contentType)
    }

    package func discard(key: ByteText, state: [UInt8]) -> (any Dialect)? {
        guard let state = TusUploadState(state), state.place == base.url, let url = try? upload(at: state.upload) else {
            return nil
        }
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

    /// The URL that a `Location` names.
    /// - Throws: `Failure` for one of another origin: the credentials would go there.
    func upload(at location: String) throws(Failure) -> String {
        guard let creation = URL(string: base.url),
            let found = URL(string: location, relativeTo: creation)?.absoluteURL,
            let origin = Self.origin(of: found.absoluteString), found.user == nil, found.fragment == nil
        else {
            throw Failure(.permanent, "the server names no upload that can be read in its Location")
        }
        guard origin == Self.origin(of: base.url) || origin == uploadOrigin else {
            throw Failure(
                .permanent,
                "the server sends uploads to \(origin.bounded(toBytes: 200)), where the credentials would go, too; set "
                    + "uploadOrigin to that if it is right, or correct the host and scheme that the server is told by "
                    + "its proxy")
        }
        return found.absoluteString
    }

    /// Scheme, host and port; nil for what is not an http URL.
    static func origin(of text: String) -> String? {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            scheme == "http" || scheme == "https", let host = parts.percentEncodedHost?.lowercased(), !host.isEmpty
        else { return nil }
        let standard = scheme == "http" ? 80 : 443
        let port = parts.port.flatMap { $0 == standard ? nil : ":\($0)" } ?? ""
        return "\(scheme)://\(host)\(port)"
    }

    /// The name of an upload below `url`, under which it is looked for later; nil for one that is elsewhere.
    func name(of upload: String) -> ByteText? {
        guard var path = URLComponents(string: upload)?.path, let folder = URLComponents(string: base.url)?.path else {
            return nil
        }
        let prefix = folder.hasSuffix("/") ? folder : folder + "/"
        guard path.utf8.starts(with: prefix.utf8) else { return nil }
        path.removeFirst(prefix.count)
        let name = ByteText(path)
        guard base.url(of: path) == upload, (try? TaskRules.checkKey(name)) != nil else { return nil }
        return name
    }
}

extension Verification {
    /// The server checked the SHA-256 of each part.
    package static let tusChecksum = Verification(rawValue: "tus-checksum")
}
