package import BackhaulUnits

/// Which addresses an upload may connect to: public ones, and the ranges that the operator allows beyond them. It
/// checks the address of each connection, after the name is resolved, so no name and no DNS rebinding bypasses it.
package struct EgressPolicy: Hashable, Sendable {
    /// Ranges allowed beyond the public ones.
    package var allow: [AddressRange]
    /// Whether loopback and private ranges are allowed, too.
    package var allowsPrivate: Bool

    package init(allow: [AddressRange], allowsPrivate: Bool = false) {
        self.allow = allow
        self.allowsPrivate = allowsPrivate
    }

    /// Public addresses only: the default of cluster roles.
    package static let publicOnly = EgressPolicy(allow: [])

    /// Loopback and private ranges too: the default of `standalone` on a loopback address. Link-local ranges stay
    /// forbidden, since clouds serve credentials there (169.254.169.254).
    package static let privateNetworks = EgressPolicy(allow: [], allowsPrivate: true)

    package func allows(_ address: IPAddress) -> Bool {
        func isIn(_ ranges: [AddressRange]) -> Bool { ranges.contains { $0.contains(address) } }
        if let end = address.tunnelEnd, !allows(end) { return false }
        return isIn(allow) || !isIn(Self.special)
            || allowsPrivate && isIn(Self.privateRanges) && !isIn(Self.credentialServers)
    }

    /// Requires that a host may be connected to at each of its addresses.
    /// - Throws: `TransferError.egressRefused` with the first that is not allowed.
    func requireAllowed(_ addresses: [IPAddress]) throws(TransferError) {
        if let refused = addresses.first(where: { !allows($0) }) { throw .egressRefused(refused.description) }
    }

    private static let privateRanges = [
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7",
    ].compactMap(AddressRange.init)

    /// Private addresses at which clouds serve credentials; most serve them at link-local ones.
    private static let credentialServers = ["fd00:ec2::/32", "fd20:ce::254"].compactMap(AddressRange.init)

    /// Ranges that are not public: IANA's special-purpose registries, multicast and the reserved rest.
    private static let special = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "::", "::1", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32",
        "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    ].compactMap(AddressRange.init)
}
