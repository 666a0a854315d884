package import BackhaulDomain

/// What HTTP callers may, and how they are known.
package struct APISettings: Sendable {
    /// A caller with a token, as the token file has it.
    package struct Token: Hashable, Sendable {
        package var name: String
        /// Of the token, lower-case hex.
        package var sha256: String
        package var scopes: [String]
        /// nil for all.
        package var tenant: ByteText?
    }

    /// Where JWTs come from.
    package struct JWT: Hashable, Sendable {
        /// One of the two is given.
        package var keysURL: String
        package var keysFile: String
        package var issuer: String
        package var audience: String
        package var tenantClaim: String
        package var scopeClaim: String
    }

    package var isAuthenticated = true
    package var tokens: [Token] = []
    package var jwt: JWT?
    package var tasksPerSecond = 0
    package var unacknowledgedTasks = 0
    package var fileRoots: [ByteText] = []
    package var freeURLs = false
    /// Holds the token for the acknowledger's API; empty for none.
    package var viewTokenFile = ""
    package var slowestBytesPerSecond: Int64 = 0

    package init() {}

    /// Whether anybody can be let in.
    package var knowsCallers: Bool { !isAuthenticated || !tokens.isEmpty || jwt != nil }
}
