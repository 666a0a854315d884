package import BackhaulDomain
package import BackhaulUnits

/// What HTTP callers may do, and how they authenticate.
package struct APISettings: Sendable {
    /// A caller with a token, as written in the token file.
    package struct Token: Hashable, Sendable {
        package var name: String
        /// The hashes of its secrets in lower-case hex: one, or two during a rotation, the newer first.
        package var sha256: [String]
        package var scopes: [String]
        /// nil for all tenants.
        package var tenant: ByteText?
        /// nil for never.
        package var expiresAt: Timestamp?

        package init(
            name: String, sha256: [String], scopes: [String], tenant: ByteText?, expiresAt: Timestamp? = nil
        ) {
            self.name = name
            self.sha256 = sha256
            self.scopes = scopes
            self.tenant = tenant
            self.expiresAt = expiresAt
        }
    }

    /// Which JWTs are accepted, and the keys that verify them.
    package struct JWT: Hashable, Sendable {
        /// Exactly one of `keysURL` and `keysFile` is set; the other is empty.
        package var keysURL: String
        package var keysFile: String
        package var issuer: String
        package var audience: String
        package var tenantClaim: String
        package var scopeClaim: String
        /// The `typ` that a JWT's header must have; empty for any or none.
        package var type: String
    }

    /// The PEM files of the API's certificate.
    package struct TLS: Hashable, Sendable {
        package var certificateFile: String
        package var keyFile: String
        /// Empty admits clients without a certificate.
        package var clientCAFile: String
    }

    /// nil serves without TLS.
    package var tls: TLS?
    package var isAuthenticated = true
    /// The path of the file with the callers' tokens; empty for none.
    package var tokensFile = ""
    package var tokens: [Token] = []
    package var jwt: JWT?
    /// The quota of a tenant whose entry in `tenants` does not say otherwise.
    package var quota = TenantQuota.unlimited
    package var fileRoots: [ByteText] = []
    package var freeURLs = false
    /// The path of the file with the token for the acknowledger's API; empty for none.
    package var viewTokenFile = ""
    /// Where others reach an acknowledger's API; empty for the address that it listens on.
    package var advertisedURL = ""
    package var connections = 0
    /// Proxies whose `X-Forwarded-For` names the client.
    package var trustedProxies: [AddressRange] = []
    package var slowestBytesPerSecond = ByteCount.zero

    package init() {}

    /// Whether any caller can be admitted.
    package var knowsCallers: Bool { !isAuthenticated || !tokens.isEmpty || jwt != nil }
}
