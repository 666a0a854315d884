package import BackhaulDomain
internal import Foundation

/// The origins that get a destination's credentials.
package struct UploadOrigin: Hashable, Sendable {
    /// The URL of the destination.
    private let base: String
    /// Another origin that the operator allows; nil for none.
    package let other: String?

    package init(_ base: String, other: String? = nil) {
        self.base = base
        self.other = other
    }

    static let help =
        "The origin of the uploads' own URLs, such as `https://upload.example.com`, where the server sends them to "
        + "another host than that of `url`. The credentials go there, too."

    /// The setting `uploadOrigin`; nil where it is not set.
    static func field(_ fields: DestinationFields) throws(DestinationFields.InvalidError) -> String? {
        guard fields.has("uploadOrigin") else { return nil }
        guard let origin = Self.origin(of: fields["uploadOrigin"]), origin == fields["uploadOrigin"] else {
            throw DestinationFields.InvalidError(
                "uploadOrigin must be such as https://upload.example.com, without a path")
        }
        return origin
    }

    /// The absolute URL that a `Location` names.
    /// - Throws: `Failure` for one of another origin: the credentials would go there.
    package func url(at location: String) throws(Failure) -> String {
        guard let base = URL(string: base), let found = URL(string: location, relativeTo: base)?.absoluteURL,
            let origin = Self.origin(of: found.absoluteString), found.user == nil, found.fragment == nil
        else {
            throw Failure(.permanent, "the server names no upload that can be read in its Location")
        }
        guard origin == Self.origin(of: self.base) || origin == other else {
            throw Failure(
                .permanent,
                "the server sends uploads to \(origin.bounded(toBytes: 200)), where the credentials would go, too; set "
                    + "uploadOrigin to that if it is right, or correct the host and scheme that the server is told by "
                    + "its proxy")
        }
        return found.absoluteString
    }

    /// Scheme, host and port; nil for what is not an http URL.
    package static func origin(of text: String) -> String? {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            scheme == "http" || scheme == "https", let host = parts.percentEncodedHost?.lowercased(), !host.isEmpty
        else { return nil }
        let standard = scheme == "http" ? 80 : 443
        let port = parts.port.flatMap { $0 == standard ? nil : ":\($0)" } ?? ""
        return "\(scheme)://\(host)\(port)"
    }
}
