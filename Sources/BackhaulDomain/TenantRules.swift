/// The operator's rules for tenants: by name, by pattern, or for all.
package struct TenantRules: Hashable, Sendable {
    /// The rules of one name or pattern. What it does not say is as the base has it.
    package struct Entry: Hashable, Sendable {
        /// A tenant's name, or a pattern with one `*`, which stands for any characters.
        package var pattern: ByteText
        package var roots: TenantPolicy.Names?
        package var destinations: TenantPolicy.Names?
        /// `{tenant}` stands for the tenant's name.
        package var keyPrefixes: KeyPrefixes?
        package var freeURLs: Bool?
        package var quota: TenantQuota.Changes
        /// Groups tenants in metrics, whose labels must be few.
        package var tenantClass: String?

        package init(
            _ pattern: ByteText, roots: TenantPolicy.Names? = nil, destinations: TenantPolicy.Names? = nil,
            keyPrefixes: KeyPrefixes? = nil, freeURLs: Bool? = nil,
            quota: TenantQuota.Changes = TenantQuota.Changes()
        ) {
            self.quota = quota
            self.pattern = pattern
            self.roots = roots
            self.destinations = destinations
            self.keyPrefixes = keyPrefixes
            self.freeURLs = freeURLs
        }

        /// How closely the pattern describes the tenant: a name more than any pattern, a pattern by its length; nil
        /// when it does not match.
        fileprivate func closeness(to tenant: ByteText) -> Int? {
            if pattern == tenant { return .max }
            let parts = pattern.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            let fixed = parts[0].count + parts[1].count
            guard tenant.utf8.count >= fixed, tenant.utf8.starts(with: parts[0]),
                tenant.utf8.suffix(parts[1].count).elementsEqual(parts[1])
            else { return nil }
            return fixed
        }
    }

    package enum KeyPrefixes: Hashable, Sendable {
        case any
        case oneOf([ByteText])
    }

    /// The prefix of the keys of HTTP callers where nothing else is configured: no tenant overwrites another's objects.
    package static let ownPrefix: ByteText = "{tenant}/"

    package var entries: [Entry]

    package init(_ entries: [Entry] = []) { self.entries = entries }

    /// The entry that applies to a tenant: its name's, or else the longest matching pattern's. Of two that are as long
    /// it is the first in the order of bytes.
    package func entry(of tenant: ByteText) -> Entry? {
        var best: (entry: Entry, closeness: Int)?
        for entry in entries {
            guard let closeness = entry.closeness(to: tenant) else { continue }
            if let best, (best.closeness, entry.pattern) > (closeness, best.entry.pattern) { continue }
            best = (entry, closeness)
        }
        return best?.entry
    }

    /// The class of a tenant in metrics; empty for none.
    package func tenantClass(of tenant: ByteText) -> String {
        entries.isEmpty ? "" : entry(of: tenant)?.tenantClass ?? ""
    }

    /// - Parameter base: what applies where the entry says nothing; `{tenant}` in its prefixes is replaced, too.
    package func policy(of tenant: ByteText, base: TenantPolicy) -> TenantPolicy {
        var policy = base
        if let entry = entry(of: tenant) {
            policy.roots = entry.roots ?? base.roots
            policy.destinations = entry.destinations ?? base.destinations
            policy.freeURLs = entry.freeURLs ?? base.freeURLs
            switch entry.keyPrefixes {
            case .any: policy.keyPrefixes = nil
            case .oneOf(let prefixes): policy.keyPrefixes = prefixes
            case nil: break
            }
        }
        policy.keyPrefixes = policy.keyPrefixes?.map { prefix in
            ByteText(prefix.text.replacing("{tenant}", with: tenant.text))
        }
        return policy
    }
}
