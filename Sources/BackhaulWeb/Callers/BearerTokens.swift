internal import BackhaulDomain
package import Foundation
internal import HTTPTypes
internal import JWTKit
package import Logging

/// Checks JWTs (RFC 7519) against the keys of an issuer.
///
/// Accepts only signatures by asymmetric keys (RFC 8725, section 3.1): with a shared secret in a key set, every
/// reader of the set could sign. `jku`, `x5u` and `x5c` of a token's header are never followed.
package actor BearerTokens {
    package struct Rules: Hashable, Sendable {
        package var issuer: String
        package var audience: String
        /// The claim that names the tenant; a token without it is refused.
        package var tenantClaim: String
        /// The claim with the scopes, as one text separated by spaces or as a list; `backhaul:submit` counts as
        /// `submit`.
        package var scopeClaim: String

        package init(issuer: String, audience: String, tenantClaim: String = "tenant", scopeClaim: String = "scope") {
            self.issuer = issuer
            self.audience = audience
            self.tenantClaim = tenantClaim
            self.scopeClaim = scopeClaim
        }
    }

    private let rules: Rules
    private let source: any KeySetSource
    private let logger: Logger
    private let now: @Sendable () -> Date
    private var keys: JWTKeyCollection?
    private var known: Set<String> = []
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
    private static let algorithms: Set<String> = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    ]

    package init(
        rules: Rules, source: any KeySetSource, logger: Logger, now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.rules = rules
        self.source = source
        self.logger = logger
        self.now = now
    }

    /// - Throws: `Problem`: 401 for a token that is not valid, 503 while no keys are available.
    func caller(_ token: String) async throws -> Caller {
        let header = try Self.header(of: token)
        guard Self.algorithms.contains(header.alg ?? "") else {
            throw Self.refusal("its algorithm is not accepted")
        }
        guard let id = header.kid else { throw Self.refusal("it names no key (kid)") }
        let keys = try await keys(holding: id)
        let claims: Claims
        do {
            claims = try await keys.verify(token, as: Claims.self)
        } catch {
            throw Self.refusal("its signature or its form is not valid")
        }
        return try caller(claims)
    }

    /// Fetches the keys when they are missing, old, or lack this one. Callers that arrive during a fetch wait for
    /// it.
    private func keys(holding id: String) async throws -> JWTKeyCollection {
        let time = now()
        let isOld = time.timeIntervalSince(fetchedAt) > Self.longestAge
        if keys == nil || isOld || !known.contains(id) {
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
        guard known.contains(id) else { throw Self.refusal("its key (kid) is unknown") }
        return keys
    }

    private func fetch(at time: Date) async {
        do {
            let text = try await source.fetch()
            let set = try JSONDecoder().decode(KeySet.self, from: Data(text.utf8))
            let fresh = JWTKeyCollection()
            var ids: Set<String> = []
            for key in set.keys.compactMap(\.key) {
                guard let name = key.keyIdentifier?.string, (try? await fresh.add(jwk: key)) != nil else { continue }
                ids.insert(name)
            }
            keys = fresh
            known = ids
            fetchedAt = time
        } catch {
            logger.warning("fetching the keys that verify JWTs failed", metadata: ["error": "\(error)"])
        }
    }

    private func caller(_ claims: Claims) throws -> Caller {
        let time = now()
        guard let end = claims.number("exp") else { throw Self.refusal("it has no expiry (exp)") }
        guard time.timeIntervalSince1970 < end + Self.leeway else { throw Self.refusal("it has expired") }
        if let begin = claims.number("nbf"), time.timeIntervalSince1970 < begin - Self.leeway {
            throw Self.refusal("it is not valid yet (nbf)")
        }
        guard claims.text("iss") == rules.issuer else { throw Self.refusal("it is from another issuer") }
        guard claims.texts("aud").contains(rules.audience) else { throw Self.refusal("it is for another audience") }
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
        return Caller(
            name: claims.text("sub") ?? "jwt", scopes: Set(scopes), tenant: tenant == "*" ? nil : tenant)
    }

    private struct KeySet: Decodable {
        /// nil for a kind of key that is not accepted, such as a shared secret; the other keys stay usable.
        struct Entry: Decodable {
            var key: JWK?

            init(from decoder: any Decoder) { key = try? JWK(from: decoder) }
        }

        var keys: [Entry]
    }

    private struct Header: Decodable {
        var alg: String?
        var kid: String?
    }

    private static func header(of token: String) throws -> Header {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        var text = String(parts[0]).replacing("-", with: "+").replacing("_", with: "/")
        text += String(repeating: "=", count: (4 - text.count % 4) % 4)
        guard parts.count == 3, let data = Data(base64Encoded: text),
            let header = try? JSONDecoder().decode(Header.self, from: data)
        else { throw refusal("it is not a JWT") }
        return header
    }

    private static func refusal(_ reason: String) -> Problem {
        Problem(.unauthorized, "bad-token", "the token is not accepted: \(reason)")
    }
}
