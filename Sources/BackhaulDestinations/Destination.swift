package import BackhaulDomain
package import BackhaulTransfer

/// A destination as the operator configured it, or as a submitter's URL implies it.
package struct Destination: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case http(HTTPDestination)
        case folder(FolderDestination)
        /// Keeps nothing and reads nothing.
        case drop
    }

    /// In which order uploads to one key run.
    package enum Order: String, Hashable, Sendable, CaseIterable {
        case none
        /// One at a time, in the order of acceptance; retries block that key.
        case key
    }

    package var kind: Kind
    package var order: Order

    package init(kind: Kind, order: Order = .none) {
        self.kind = kind
        self.order = order
    }

    /// The dialect that puts `body` at `key`.
    package func upload(key: ByteText, body: TransferBody, contentType: String) -> any Dialect {
        switch kind {
        case .http(let http): HTTPUpload(destination: http, key: key.text, body: body, contentType: contentType)
        case .folder(let folder): FolderUpload(destination: folder, key: key.text, body: body)
        case .drop: Drop()
        }
    }

    /// The dialect that reads the object at `key` and gives its size and SHA-256.
    package func readBack(key: ByteText) -> any Dialect {
        switch kind {
        case .http(let http): HTTPReadBack(destination: http, key: key.text)
        case .folder(let folder): FolderReadBack(destination: folder, key: key.text)
        case .drop: DropReadBack()
        }
    }
}

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
        named.values.compactMap { if case .folder(let folder) = $0.kind { folder.path } else { nil } }.sorted()
    }

    /// - Throws: a permanent `Failure` that names the remedy.
    package func resolve(_ place: DestinationReference.Place) throws(Failure) -> Destination {
        switch place {
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
            return Destination(kind: .http(HTTPDestination(url: url.text)))
        }
    }
}
