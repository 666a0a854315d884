package import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// A server that takes resumable uploads as the IETF drafts them (draft-ietf-httpbis-resumable-upload), such as Apple's
/// swift-nio-extras.
package struct ResumableDestination: DestinationType {
    package static let name = "resumable"
    package static let summary =
        "A server of HTTP's own resumable uploads (the IETF's draft-ietf-httpbis-resumable-upload), which is what Apple's "
        + "URLSession speaks. As `http`, but an upload goes on behind what the server has, also on another worker. See "
        + "docs/destinations/RESUMABLE.md."
    package static let fields =
        HTTPDestination.fields + [
            DestinationField(
                "interop", .integer(5...8), standard: "8",
                help:
                    "The version of the draft, as its header `Upload-Draft-Interop-Version` counts: 8 for drafts 09 to "
                    + "12, 7 for 06 to 08, 6 for 04 and 05 (swift-nio-extras, iOS 18), 5 for 03."),
            DestinationField(
                "uploadOrigin", .text, isOptional: true, help: UploadOrigin.help),
            DestinationField(
                "partSize", .size(OffsetSizes.parts), isOptional: true,
                help: "The most that one request sends, for servers or proxies with a limit. By default all of it, or "
                    + "what the server allows (`max-append-size`)."),
        ]
    package static let verifications = HTTPDestination.verifications

    package var base: HTTPDestination
    package var interop: Int
    package var origin: UploadOrigin
    package var partSize: ByteCount?

    package init(
        base: HTTPDestination, interop: Int = 8, uploadOrigin: String? = nil, partSize: ByteCount? = nil
    ) {
        self.base = base
        self.interop = interop
        self.partSize = partSize
        origin = UploadOrigin(base.url, other: uploadOrigin)
    }

    package init(_ fields: DestinationFields) throws(DestinationFields.InvalidError) {
        self.init(
            base: try HTTPDestination(fields.without(["interop", "uploadOrigin", "partSize"])),
            interop: fields.integer("interop"), uploadOrigin: try UploadOrigin.field(fields),
            partSize: fields.has("partSize") ? fields.size("partSize") : nil)
    }

    package var description: String {
        "resumable \(interop) \(base.method.rawValue) \(base.url) verify=\(base.check.rawValue)"
            + (origin.other.map { " uploadOrigin=\($0)" } ?? "") + (partSize.map { " partSize=\($0)" } ?? "")
    }

    package var resumption: Resumption { .saved(from: OffsetSizes.atOnce + ByteCount(1)) }

    package func upload(
        key: ByteText, body: TransferBody, contentType: String, onlyIfAbsent: Bool
    ) -> any Dialect {
        let plain = HTTPUpload(
            destination: base, key: key.text, body: body, contentType: contentType, onlyIfAbsent: onlyIfAbsent)
        guard body.size > OffsetSizes.atOnce, body.file != nil else { return plain }
        return OffsetUpload(ResumableWire(destination: self, key: key.text, plain: plain), key: key.text, body: body)
    }

    package func discard(key: ByteText, state: [UInt8]) -> (any Dialect)? {
        guard let state = OffsetUploadState(state), state.place == base.url(of: key.text),
            let url = try? origin.url(at: state.upload)
        else { return nil }
        return ResumableDiscard(destination: self, url: url)
    }

    package func look(key: ByteText) -> any Dialect { base.look(key: key) }
    package func readBack(key: ByteText) -> any Dialect { base.readBack(key: key) }
    package func remove(key: ByteText) -> any Dialect { base.remove(key: key) }

    /// A request with what every request of the draft has.
    func request(
        _ method: String, _ url: String, headers: [(name: String, value: String)] = [], body: TransferBody = .none
    ) -> TransferRequest {
        base.request(method, url, headers: [("Upload-Draft-Interop-Version", "\(interop)")] + headers, body: body)
    }
}
