/// What the tasks of a tenant may name.
package struct TenantPolicy: Hashable, Sendable {
    package enum Names: Hashable, Sendable {
        case all
        case only(Set<ByteText>)

        package func contains(_ name: ByteText) -> Bool {
            switch self {
            case .all: true
            case .only(let names): names.contains(name)
            }
        }
    }

    /// Why a tenant may not name something.
    package struct ViolationError: Error, Hashable, Sendable {
        /// Stable; part of the API.
        package var code: String
        package var message: String
    }

    package var roots: Names
    package var destinations: Names
    /// What a key must begin with, one of these; nil for any key.
    package var keyPrefixes: [ByteText]?
    /// Whether a destination may be a URL of the submitter's choice.
    package var freeURLs: Bool

    package init(roots: Names, destinations: Names, keyPrefixes: [ByteText]?, freeURLs: Bool) {
        self.roots = roots
        self.destinations = destinations
        self.keyPrefixes = keyPrefixes
        self.freeURLs = freeURLs
    }

    /// Everything, as for the operator.
    package static let open = TenantPolicy(roots: .all, destinations: .all, keyPrefixes: nil, freeURLs: true)

    /// The key of a task that names none: its source path, below the first prefix.
    package func key(of path: ByteText) -> ByteText { ByteText((keyPrefixes?.first?.text ?? "") + path.text) }

    package func check(root: ByteText, of tenant: ByteText) throws(ViolationError) {
        guard roots.contains(root) else {
            throw ViolationError(
                code: "file-source-off",
                message: "tenant '\(tenant)' may not name files below root '\(root.text.bounded(toBytes: 64))'; the "
                    + "operator lists its roots in tenants, and those of HTTP callers in api.fileRoots")
        }
    }

    package func check(destination: DestinationReference, of tenant: ByteText) throws(ViolationError) {
        switch destination.target {
        case .named(let name):
            guard destinations.contains(name) else {
                throw ViolationError(
                    code: "destination-off",
                    message: "tenant '\(tenant)' may not use destination '\(name.text.bounded(toBytes: 64))'; the "
                        + "operator lists its destinations in tenants")
            }
        case .url:
            guard freeURLs else {
                throw ViolationError(
                    code: "free-urls-off",
                    message: "URLs as destinations are off for tenant '\(tenant)'; name a configured destination")
            }
        }
        guard let keyPrefixes, !keyPrefixes.contains(where: destination.key.hasPrefix) else { return }
        let words = keyPrefixes.map { "'\($0)'" }.joined(separator: " or ")
        throw ViolationError(
            code: "key-off", message: "keys of tenant '\(tenant)' must begin with \(words.bounded(toBytes: 256))")
    }
}
