internal import HTTPTypes
internal import Synchronization

/// Identifies callers by a token of the table or by a JWT.
///
/// The table may be replaced while requests are served.
package final class Authenticator: Sendable {
    private let isOn: Bool
    private let tokens: Mutex<[String: Caller]>
    private let bearer: BearerTokens?

    /// - Parameters:
    ///   - isOn: false permits every caller everything; the command line allows that on loopback only.
    ///   - bearer: checks JWTs; nil when none are accepted.
    package init(isOn: Bool, tokens: [APIToken], bearer: BearerTokens? = nil) {
        self.isOn = isOn
        self.tokens = Mutex(Self.table(tokens))
        self.bearer = bearer
    }

    /// Accepts only these tokens from now on.
    package func replace(_ tokens: [APIToken]) {
        let table = Self.table(tokens)
        self.tokens.withLock { $0 = table }
    }

    private static func table(_ tokens: [APIToken]) -> [String: Caller] {
        Dictionary(tokens.map { ($0.sha256, $0.caller) }) { first, _ in first }
    }

    /// The caller of a request with this `Authorization` field (RFC 6750).
    /// - Throws: `Problem` with 401 (503 while the keys of JWTs cannot be fetched).
    func caller(authorization: String?) async throws -> Caller {
        guard isOn else { return .anyone }
        guard let authorization else {
            throw Problem(.unauthorized, "unauthenticated", "send 'Authorization: Bearer TOKEN'")
        }
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", parts[1].utf8.count <= Self.longest else {
            throw Problem(.unauthorized, "unauthenticated", "only 'Authorization: Bearer TOKEN' is accepted")
        }
        let text = String(parts[1])
        // The lookup is by hash, so its duration reveals nothing about a token.
        let digest = APIToken.hash(text)
        if let caller = tokens.withLock({ $0[digest] }) { return caller }
        guard let bearer, text.contains(".") else {
            throw Problem(.unauthorized, "unknown-token", "the token is unknown or was revoked")
        }
        return try await bearer.caller(text)
    }

    /// The longest credential that is accepted, in bytes.
    private static let longest = 16 << 10
}
