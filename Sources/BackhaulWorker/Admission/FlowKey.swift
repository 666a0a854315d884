package import BackhaulDomain

/// What the tasks of one queue have in common: the place that they are uploaded to, the source root that they are read
/// from, and their tenant.
package struct FlowKey: Hashable, Sendable {
    /// A destination's name, or the scheme, host and port of a submitter's URL.
    package var place: ByteText
    package var root: ByteText
    package var tenant: ByteText

    package init(place: ByteText, root: ByteText, tenant: ByteText) {
        self.place = place
        self.root = root
        self.tenant = tenant
    }

    package init(_ task: UploadTask) {
        self.init(place: Self.place(task.destination.target), root: task.source.root, tenant: task.identity.tenant)
    }

    /// URLs of one server are one place, whatever their paths.
    package static func place(_ target: DestinationReference.Target) -> ByteText {
        guard case .url(let url) = target else { return target.name }
        let bytes = url.utf8
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8) else {
            return url
        }
        let host = bytes.index(colon, offsetBy: 3)
        guard let path = bytes[host...].firstIndex(of: UInt8(ascii: "/")) else { return url }
        return ByteText(url.text[..<path])
    }
}

extension DestinationReference.Target {
    fileprivate var name: ByteText {
        switch self {
        case .named(let name): name
        case .url(let url): url
        }
    }
}
