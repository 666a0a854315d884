package import BackhaulDomain
package import BackhaulUnits
internal import HTTPTypes

/// A caller and its permissions.
package struct Caller: Hashable, Sendable {
    /// The token's name, or the subject of a JWT; for logs, records and limits per caller.
    package var name: String
    package var scopes: Set<Scope>
    /// The only tenant whose tasks the caller may access; nil for all.
    package var tenant: ByteText?
    /// When the credentials expire; nil for never.
    package var expiresAt: Timestamp?

    package init(name: String, scopes: Set<Scope>, tenant: ByteText?, expiresAt: Timestamp? = nil) {
        self.name = name
        self.scopes = scopes
        self.tenant = tenant
        self.expiresAt = expiresAt
    }

    /// The caller when authentication is off, or the route needs none.
    package static let anyone = Caller(name: "anyone", scopes: Set(Scope.allCases), tenant: nil)

    /// - Throws: `Problem` with 403.
    func require(_ scope: Scope) throws(Problem) {
        guard scopes.contains(scope) else {
            throw Problem(.forbidden, "missing-scope", "this request needs the scope '\(scope.rawValue)'")
        }
    }

    /// - Throws: `Problem` with 403, the same whether the tenant exists or not.
    func require(tenant: ByteText) throws(Problem) {
        guard self.tenant == nil || self.tenant == tenant else {
            throw Problem(.forbidden, "wrong-tenant", "these credentials belong to another tenant")
        }
    }
}
