internal import BackhaulDomain
internal import BackhaulUnits
package import Foundation
internal import HTTPTypes
package import Logging

/// Checks JWTs (RFC 7519) against the keys of an issuer.
///
/// Accepts only signatures by asymmetric keys (RFC 8725, section 3.1): with a shared secret in a key set, every
/// reader of the set could sign. `jku`, `x5u` and `x5c` of a token's header are never followed. A token whose
/// signature was found good is remembered until the keys are fetched again.
package actor BearerTokens {
    package struct Rules: Hashable, Sendable {
        package var issuer: String
        package var audience: String
        /// The claim that names the tenant; a token without it is refused.
        package var tenantClaim: String
        /// The claim with the scopes, as one text separated by spaces or as a list; `backhaul:submit` counts as
        /// `submit`.
        package var scopeClaim: String
        /// The `typ` that the header must have (RFC 8725, section 3.11); empty for any or none.
        package var type: String

        package init(
            issuer: String, audience: String, tenantClaim: String = "tenant", scopeClaim: String = "scope",
            type: String = ""
        ) {
            self.issuer = issuer
            self.audience = audience
            self.tenantClaim = tenantClaim
            self.scopeClaim = scopeClaim
            self.type = type
        }
    }

    private let rules: Rules
    private let source: any KeySetSource
    private let logger: Logger
    private let now: @Sendable () -> Date
    private var keys: VerifyingKeys?
    /// Claims of tokens that these keys have verified, by the SHA-256 of the token.
    private var verified: [String: Claims] = [:]
    /// Tokens that earlier keys have verified: their signatures are verified again also while their sender is
    /// throttled, so that those who share an address with a flood are not shut out when keys are fetched.
    private var proven: Set<String> = []
    /// How often keys were fetched.
    private var fetches = 0
    private var fetchedAt = Date.distantPast
    private var triedAt = Date.distantPast
    /// Callers that wait for the fetch in progress; nil without one.
    private var waiters: [CheckedContinuation<Void, Never>]?

    /// Seconds after which the keys are fetched again, so that a revoked key does not stay valid.
    private static let longestAge: TimeInterval = 600
    /// Minimum seconds between two fetches: an unknown key id triggers one, and callers must not flood the issuer.
    private static let shortestPause: TimeInterval = 30
    /// Seconds for which a token is accepted before its start and after its expiry, since clocks differ.
    private static let leeway: TimeInterval = 30
    /// Maximum tokens remembered; beyond it all are forgotten, which only costs their verification.
    private static let memory = 10_000

    package init(
        rules: Rules, source: any KeySetSource, logger: Logger, now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.rules = rules
        self.source = source
        self.logger = logger
        self.now = now
    }

    /// - Parameter isThrottled: whether to refuse a token whose signature is not known yet, because its sender has
    ///   failed too often.
    /// - Throws: `Problem`: 401 for a token that is not valid, 429 when throttled, 503 while no keys are available.
    func caller(_ token: String, isThrottled: Bool = false) async throws -> Caller {
        let header = try BearerHeader(of: token)
        guard rules.type.isEmpty || header.isOf(type: rules.type) else {
            throw Self.refusal("its type (typ) is not \(rules.type)")
        }
        let id = ByteText(header.keyID)
        let digest = APIToken.hash(token)
        if isThrottled, verified[digest] == nil, !proven.contains(digest) { throw FailureThrottle.problem }
        let keys = try await keys(holding: id)
        if let claims = verified[digest] { return try caller(claims) }
        let fetch = fetches
        guard let claims = await keys.claims(of: token, id: id, algorithm: header.algorithm) else {
            proven.remove(digest)
            throw Self.refusal("its signature is not valid, or not by an algorithm of its key")
        }
        let caller = try caller(claims)
        if verified.count >= Self.memory { verified = [:] }
        // During the verification another call may have fetched keys that no longer hold this one.
        if fetch == fetches { verified[digest] = claims }
        return caller
    }

    /// Fetches the keys when they are missing, old, or lack this one. Callers that arrive during a fetch wait for
    /// it.
    private func keys(holding id: ByteText) async throws -> VerifyingKeys {
        let time = now()
        let isOld = time.timeIntervalSince(fetchedAt) > Self.longestAge
        if keys.map({ isOld || !$0.contains(id) }) ?? true {
            if waiters != nil {
                await withCheckedContinuation { waiters?.append($0) }
            } else if time.timeIntervalSince(triedAt) >= Self.shortestPause {
                triedAt = time
                waiters = []
                await fetch(at: time)
                for waiter in waiters ?? [] { waiter.resume() }
                waiters = nil
            }
        }
        guard let keys, now().timeIntervalSince(fetchedAt) <= 2 * Self.longestAge else {
            throw Problem(
                .serviceUnavailable, "keys-unavailable", "the keys that verify JWTs are not available now",
                retryAfter: .seconds(Self.shortestPause))
        }
        guard keys.contains(id) else { throw Self.refusal("its key (kid) is unknown") }
        return keys
    }

    private func fetch(at time: Date) async {
        do {
            keys = try await VerifyingKeys(json: try await source.fetch())
            if proven.count + verified.count > Self.memory { proven = [] }
            proven.formUnion(verified.keys)
            verified = [:]
            fetches += 1
            fetchedAt = time
        } catch {
            logger.warning("fetching the keys that verify JWTs failed", metadata: ["error": "\(error)"])
        }
    }

    private func caller(_ claims: Claims) throws -> Caller {
        let time = now()
        guard let end = claims.number("exp") else { throw Self.refusal("it has no expiry (exp) that is a number") }
        guard time.timeIntervalSince1970 < end + Self.leeway else { throw Self.refusal("it has expired") }
        if claims.has("nbf") {
            guard let begin = claims.number("nbf") else { throw Self.refusal("its start (nbf) is not a number") }
            guard time.timeIntervalSince1970 >= begin - Self.leeway else {
                throw Self.refusal("it is not valid yet (nbf)")
            }
        }
        // Names are bytes: no other spelling of an issuer or audience is the same.
        guard claims.text("iss").map({ ByteText($0) }) == ByteText(rules.issuer) else {
            throw Self.refusal("it is from another issuer")
        }
        guard claims.texts("aud").contains(where: { ByteText($0) == ByteText(rules.audience) }) else {
            throw Self.refusal("it is for another audience")
        }
        let words = claims.texts(rules.scopeClaim).flatMap { $0.split(separator: " ") }
        let scopes = words.compactMap { word in
            Scope(rawValue: String(word.hasPrefix("backhaul:") ? word.dropFirst("backhaul:".count) : word))
        }
        guard let tenant = claims.text(rules.tenantClaim).map({ ByteText($0) }), !tenant.isEmpty else {
            throw Self.refusal("it names no tenant")
        }
        if tenant != "*" {
            do {
                try TaskRules.checkTenant(tenant)
            } catch {
                throw Self.refusal("its tenant is not valid: \(error.message)")
            }
        }
        let name = claims.text("sub") ?? "jwt"
        guard (1...Self.longestName).contains(name.utf8.count), !name.unicodeScalars.contains(where: Self.isControl)
        else {
            throw Self.refusal("its subject (sub) must have 1 to \(Self.longestName) bytes and no control characters")
        }
        return Caller(
            name: name, scopes: Set(scopes), tenant: tenant == "*" ? nil : tenant,
            expiresAt: Timestamp(clamping: Self.milliseconds(end + Self.leeway)))
    }

    /// The longest subject, in bytes: it becomes part of logs and records.
    private static let longestName = 255

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory == .control }

    /// Limited to what `Int64` holds: an issuer may send any number.
    private static func milliseconds(_ seconds: TimeInterval) -> Int64 {
        Int64(min(max(0, seconds), 1e12) * 1_000)
    }

    static func refusal(_ reason: String) -> Problem {
        Problem(.unauthorized, "bad-token", "the token is not accepted: \(reason)")
    }
}
