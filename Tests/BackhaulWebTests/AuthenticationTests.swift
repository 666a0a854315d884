import BackhaulDomain
import Foundation
import HTTPTypes
import JWTKit
import Logging
import Synchronization
import Testing

@testable import BackhaulWeb

@Suite("Authentication")
struct AuthenticationTests {
    private final class Keys: KeySetSource {
        let text: Mutex<String>
        let count = Mutex(0)

        init(_ text: String) { self.text = Mutex(text) }

        func fetch() async throws -> String {
            count.withLock { $0 += 1 }
            return text.withLock { $0 }
        }
    }

    private struct Payload: JWTPayload {
        var iss: String? = "https://issuer"
        var aud: String? = "backhaul"
        var sub: String? = "camera"
        var exp: Int? = 2_000
        var nbf: Int?
        var scope: String? = "backhaul:submit read other"
        var tenant: String? = "photos"

        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }

    private let key = ES256PrivateKey()

    private func set(_ key: ES256PrivateKey, id: String) throws -> String {
        let parameters = try #require(key.parameters)
        func url(_ text: String) -> String {
            text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }
        return """
            {"keys":[{"kty":"oct","kid":"shared","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
            {"kty":"EC","crv":"P-256","alg":"ES256","kid":"\(id)","x":"\(url(parameters.x))","y":"\(url(parameters.y))"}]}
            """
    }

    private func sign(_ payload: Payload, _ key: ES256PrivateKey? = nil, id: String = "one") async throws -> String {
        let collection = JWTKeyCollection()
        await collection.add(ecdsa: key ?? self.key, kid: JWKIdentifier(string: id))
        return try await collection.sign(payload, kid: JWKIdentifier(string: id))
    }

    private func bearer(_ source: Keys, at time: Double = 1_000) -> BearerTokens {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return BearerTokens(
            rules: .init(issuer: "https://issuer", audience: "backhaul"), source: source, logger: logger,
            now: { Date(timeIntervalSince1970: time) })
    }

    @Test func apiTokenIsFoundByHash() async throws {
        // SHA-256 of "test".
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        let caller = Caller(name: "camera", scopes: [.submit], tenant: "photos")
        let authenticator = Authenticator(isOn: true, tokens: [APIToken(caller: caller, sha256: hash)])
        #expect(try await authenticator.caller(authorization: "Bearer test") == caller)
        #expect(try await authenticator.caller(authorization: "bearer test") == caller)
        for wrong in [nil, "Bearer", "Bearer tes", "Basic test", "Bearer \(hash)", "Bearer a.b.c"] {
            await #expect { try await authenticator.caller(authorization: wrong) } throws: {
                ($0 as? Problem)?.status == .unauthorized
            }
        }
        authenticator.replace([])
        await #expect(throws: Problem.self) { try await authenticator.caller(authorization: "Bearer test") }
        #expect(throws: Problem.self) { try caller.require(.operate) }
        #expect(throws: Problem.self) { try caller.require(tenant: "videos") }
        try caller.require(.submit)
        try caller.require(tenant: "photos")
    }

    @Test func jwtNamesCaller() async throws {
        let bearer = bearer(Keys(try set(key, id: "one")))
        let caller = try await bearer.caller(try await sign(Payload()))
        #expect(caller == Caller(name: "camera", scopes: [.submit, .read], tenant: "photos"))
        var all = Payload()
        all.tenant = "*"
        #expect(try await bearer.caller(try await sign(all)).tenant == nil)
    }

    @Test func invalidJWTIsRefused() async throws {
        let source = Keys(try set(key, id: "one"))
        let bearer = bearer(source)
        var wrong: [String] = []
        for change: (inout Payload) -> Void in [
            { $0.iss = "https://other" }, { $0.aud = "other" }, { $0.exp = nil }, { $0.exp = 900 }, { $0.nbf = 1_100 },
            { $0.tenant = nil }, { $0.tenant = "" },
        ] {
            var payload = Payload()
            change(&payload)
            wrong.append(try await sign(payload))
        }
        // Another key under a known name, an unknown name, a broken signature, no signature at all.
        wrong.append(try await sign(Payload(), ES256PrivateKey()))
        wrong.append(try await sign(Payload(), id: "two"))
        let good = try await sign(Payload())
        wrong.append(String(good.dropLast(4)) + "AAAA")
        func part(_ text: String) -> String {
            Data(text.utf8).base64EncodedString().replacing("=", with: "")
        }
        let claims = good.split(separator: ".")[1]
        wrong.append(part(#"{"alg":"none","kid":"one"}"#) + ".\(claims).")
        // A shared secret in the key set does not verify a token.
        let collection = JWTKeyCollection()
        await collection.add(
            hmac: HMACKey(from: Data(String(repeating: "secret", count: 6).utf8)), digestAlgorithm: .sha256,
            kid: "shared")
        wrong.append(try await collection.sign(Payload(), kid: "shared"))
        for token in wrong {
            await #expect("\(token)") { try await bearer.caller(token) } throws: {
                ($0 as? Problem)?.code == "bad-token"
            }
        }
        // Unknown key ids cause no further fetches from the issuer.
        #expect(source.count.withLock { $0 } == 1)
    }

    /// U+212A (KELVIN SIGN) is canonically equal to K, but a token for the one tenant is not a token for the other.
    /// A tenant outside the alphabet is refused in every form.
    @Test(arguments: [
        "\u{212A}evin", "caf\u{E9}", "cafe\u{301}", "a/b", "a b", "a\u{0}", String(repeating: "a", count: 300),
    ])
    func jwtTenantOutsideAlphabetIsRefused(_ tenant: String) async throws {
        var payload = Payload()
        payload.tenant = tenant
        let token = try await sign(payload)
        await #expect { try await bearer(Keys(try set(key, id: "one"))).caller(token) } throws: {
            ($0 as? Problem)?.code == "bad-token"
        }
        payload.tenant = "Kevin"
        let kevin = try await bearer(Keys(try set(key, id: "one"))).caller(try await sign(payload))
        #expect(kevin.tenant == "Kevin")
        #expect(throws: Problem.self) { try kevin.require(tenant: ByteText(tenant)) }
    }

    @Test func keySetIsRefetchedForUnknownKey() async throws {
        let source = Keys("nothing")
        let time = Mutex(1_000.0)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let clock: @Sendable () -> Date = { Date(timeIntervalSince1970: time.withLock { $0 }) }
        let bearer = BearerTokens(
            rules: .init(issuer: "https://issuer", audience: "backhaul"), source: source, logger: logger, now: clock)
        let token = try await sign(Payload())
        await #expect { try await bearer.caller(token) } throws: { ($0 as? Problem)?.status == .serviceUnavailable }
        let fresh = try set(key, id: "one")
        source.text.withLock { $0 = fresh }
        await #expect(throws: Problem.self) { try await bearer.caller(token) }
        time.withLock { $0 += 30 }
        #expect(try await bearer.caller(token).name == "camera")
        let other = ES256PrivateKey()
        let exchanged = try set(other, id: "two")
        source.text.withLock { $0 = exchanged }
        time.withLock { $0 += 30 }
        #expect(try await bearer.caller(try await sign(Payload(), other, id: "two")).name == "camera")
        // The withdrawn key is no longer valid.
        await #expect(throws: Problem.self) { try await bearer.caller(token) }
    }
}
