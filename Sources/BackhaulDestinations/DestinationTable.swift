package import BackhaulDomain

/// The destinations that a process knows by name.
package struct DestinationTable: Sendable {
    private let named: [ByteText: Destination]
    /// Whether tasks may carry a URL of their own.
    private let allowsURLs: Bool

    package init(_ named: [ByteText: Destination], allowsURLs: Bool) {
        self.named = named
        self.allowsURLs = allowsURLs
    }

    package var names: [ByteText] { named.keys.sorted() }

    /// Local folders among the destinations.
    package var folders: [String] {
        named.values.compactMap(\.type.localFolder).sorted()
    }

    /// - Throws: a permanent `Failure` that names the remedy.
    package func resolve(_ target: DestinationReference.Target) throws(Failure) -> Destination {
        switch target {
        case .named(let name):
            guard let destination = named[name] else {
                let known = names.isEmpty ? "none is" : "configured: " + names.map(\.text).joined(separator: ", ")
                throw Failure(
                    .permanent, "destination '\(name)' is not configured (\(known)); add it under destinations")
            }
            return destination
        case .url(let url):
            guard allowsURLs else {
                throw Failure(
                    .permanent,
                    "destination URLs are not allowed here; name a configured destination, or set egress.freeURLs")
            }
            return Destination(HTTPDestination(url: url.text))
        }
    }
}
