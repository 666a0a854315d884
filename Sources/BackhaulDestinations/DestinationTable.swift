package import BackhaulDomain

/// The destinations that a process knows by name.
package struct DestinationTable: Sendable {
    private let named: [ByteText: Destination]
    /// Whether tasks may carry a URL of their own.
    private let allowsURLs: Bool
    private let tenants: TenantRules
    private let http: TenantPolicy

    /// - Parameter http: what tasks may name that came over HTTP, as their records state, where `tenants` says nothing.
    package init(
        _ named: [ByteText: Destination], allowsURLs: Bool, tenants: TenantRules = TenantRules(),
        http: TenantPolicy = .open
    ) {
        self.http = http
        self.named = named
        self.allowsURLs = allowsURLs
        self.tenants = tenants
    }

    package var names: [ByteText] { named.keys.sorted() }

    /// Local folders among the destinations.
    package var folders: [String] {
        named.values.compactMap(\.type.localFolder).sorted()
    }

    /// The destination of a task, once its tenant may name what the task names. The record may be of any writer of the
    /// topic, so that the check where it was accepted is not enough.
    /// - Throws: as `resolve(_:)` of a target.
    package func resolve(_ task: UploadTask) throws(Failure) -> Destination {
        let tenant = task.identity.tenant
        let policy = tenants.policy(of: tenant, base: task.submitter?.way == .http ? http : .open)
        do {
            try policy.check(root: task.source.root, of: tenant)
            try policy.check(destination: task.destination, of: tenant)
        } catch {
            throw Failure(.permanent, error.message)
        }
        return try resolve(task.destination.target)
    }

    /// - Throws: a `Failure` that names the remedy: permanent, except for a name that may be configured later.
    package func resolve(_ target: DestinationReference.Target) throws(Failure) -> Destination {
        switch target {
        case .named(let name):
            guard let destination = named[name] else {
                let known = names.isEmpty ? "none is" : "configured: " + names.map(\.text).joined(separator: ", ")
                throw Failure(
                    .destinationUnknown,
                    "destination '\(name)' is not configured (\(known)); add it under destinations")
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
