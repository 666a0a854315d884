package import BackhaulDomain
internal import HTTPTypes

/// What HTTP callers may name, and how much. Files on the workers' machines, arbitrary URLs and keys beside the
/// tenant's own are capabilities that only the operator can grant.
package struct IngestRules: Hashable, Sendable {
    /// The configured destinations.
    package var destinations: Set<ByteText>
    /// What applies to a tenant whose entry in `tenants` does not say otherwise.
    package var base: TenantPolicy
    package var tenants: TenantRules
    /// The quota of a tenant whose entry does not say otherwise.
    package var quota: TenantQuota

    package init(
        destinations: Set<ByteText>, base: TenantPolicy, tenants: TenantRules = TenantRules(),
        quota: TenantQuota = .unlimited
    ) {
        self.quota = quota
        self.destinations = destinations
        self.base = base
        self.tenants = tenants
    }

    package var quotas: TenantQuotas { TenantQuotas(quota, tenants: tenants) }

    package func policy(of tenant: ByteText) -> TenantPolicy { tenants.policy(of: tenant, base: base) }

    /// Resolves a destination as a caller names it.
    /// - Parameter key: nil for the path of the source, below the tenant's prefix.
    /// - Throws: `Problem`: 403 for what the tenant may not name, 422 for an unknown destination or a bad URL.
    func destination(
        _ text: ByteText, key: ByteText?, path: ByteText, of tenant: ByteText
    ) throws(Problem) -> DestinationReference {
        let policy = policy(of: tenant)
        let isURL = text.utf8.contains(UInt8(ascii: ":"))
        guard isURL || destinations.contains(text) else {
            throw Problem(
                .unprocessableContent, "unknown-destination",
                "destination '\(text.text.bounded(toBytes: 64))' is not configured here")
        }
        let reference = DestinationReference(
            target: isURL ? .url(text) : .named(text), key: key ?? policy.key(of: path))
        do {
            try policy.check(destination: reference, of: tenant)
        } catch {
            throw Problem(.forbidden, error.code, error.message)
        }
        guard isURL else { return reference }
        do {
            try TaskRules.checkURL(text)
        } catch {
            throw Problem(.unprocessableContent, error.code, error.message)
        }
        return reference
    }

    /// - Throws: `Problem`: 403.
    func check(root: ByteText, of tenant: ByteText) throws(Problem) {
        do {
            try policy(of: tenant).check(root: root, of: tenant)
        } catch {
            throw Problem(.forbidden, error.code, error.message)
        }
    }
}
