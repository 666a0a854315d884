import BackhaulDomain
import BackhaulLog
import BackhaulUnits
import Crypto
import CryptoExtras
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
    private let signer = P256.Signing.PrivateKey()

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

    private func bearer(
        _ source: Keys, at time: @escaping @Sendable () -> Double = { 1_000 }
    ) -> BearerTokens {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return BearerTokens(
            rules: .init(issuer: "https://issuer", audience: "backhaul"), source: source, logger: logger,
            now: { Date(timeIntervalSince1970: time()) })
    }

    @Test func apiTokenIsFoundByHash() async throws {
        // SHA-256 of "test".
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        let caller = Caller(name: "camera", scopes: [.submit], tenant: "photos")
        let authenticator = Authenticator(isOn: true, tokens: [APIToken(caller: caller, sha256: [hash])])
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
        let expiry = Timestamp(clamping: 2_030_000)
        #expect(caller == Caller(name: "camera", scopes: [.submit, .read], tenant: "photos", expiresAt: expiry))
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
        let bearer = bearer(source) { time.withLock { $0 } }
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
        let second = try await sign(Payload(), other, id: "two")
        #expect(try await bearer.caller(second).name == "camera")
        // After ten minutes the keys are fetched again; while that fails the last ones count for ten minutes more.
        source.text.withLock { $0 = "nothing" }
        time.withLock { $0 += 601 }
        #expect(try await bearer.caller(second).name == "camera")
        time.withLock { $0 += 601 }
        await #expect { try await bearer.caller(second) } throws: { ($0 as? Problem)?.status == .serviceUnavailable }
        source.text.withLock { $0 = fresh }
        time.withLock { $0 += 60 }
        await #expect(throws: Problem.self, "withdrawn") { try await bearer.caller(second) }
    }

    /// Those who share an address with a flood are not shut out when the keys are fetched again; a token that no key
    /// verifies any more is a guess like any other.
    @Test func provenTokensOutliveAFetch() async throws {
        let source = Keys(try set(key, id: "one"))
        let time = Mutex(1_000.0)
        let bearer = bearer(source) { time.withLock { $0 } }
        func code(_ token: String) async -> String? {
            do {
                _ = try await bearer.caller(token, isThrottled: true)
                return nil
            } catch { return (error as? Problem)?.code }
        }
        var payload = Payload()
        payload.exp = 9_000
        let token = try await sign(payload)
        #expect(await code(token) == "too-many-failures")
        _ = try await bearer.caller(token)
        for _ in 0..<2 {
            time.withLock { $0 += 601 }
            #expect(await code(token) == nil)
        }
        #expect(source.count.withLock { $0 } == 3)
        let exchanged = try set(ES256PrivateKey(), id: "one")
        source.text.withLock { $0 = exchanged }
        time.withLock { $0 += 601 }
        #expect(await code(token) == "bad-token")
        #expect(await code(token) == "too-many-failures")
    }

    // MARK: Keys and headers

    private func part(_ bytes: some DataProtocol) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private func part(_ text: String) -> String { part(Data(text.utf8)) }

    /// The key set with the key of `token(_:_:)`, as `one`.
    private var signerSet: String {
        let point = signer.publicKey.rawRepresentation
        return
            #"{"keys":[{"kty":"EC","crv":"P-256","kid":"one","x":"\#(part(point.prefix(32)))","y":"\#(part(point.suffix(32)))"}]}"#
    }

    /// A token with this header and these claims, whatever they are, signed by `signer`.
    private func token(_ header: String, _ claims: String? = nil) throws -> String {
        let claims =
            claims ?? #"{"iss":"https://issuer","aud":"backhaul","sub":"camera","exp":2000,"tenant":"photos"}"#
        let text = part(header) + "." + part(claims)
        return text + "." + part(try signer.signature(for: Data(text.utf8)).rawRepresentation)
    }

    private func claims(_ extra: String) -> String {
        #"{"iss":"https://issuer","aud":"backhaul","sub":"camera","tenant":"photos",\#(extra)}"#
    }

    /// One token with another algorithm must not decide how a key verifies from then on.
    @Test func algorithmsAreFixedByTheKey() async throws {
        let rsa = try Insecure.RSA.PrivateKey(backing: _RSA.Signing.PrivateKey(keySize: .bits2048))
        let (modulus, exponent) = try rsa.publicKey.getKeyPrimitives()
        func set(_ extra: String) -> String {
            #"{"keys":[{"kty":"RSA","kid":"r","n":"\#(part(modulus))","e":"\#(part(exponent))"\#(extra)}]}"#
        }
        func sign(_ algorithm: DigestAlgorithm) async throws -> String {
            let collection = JWTKeyCollection()
            await collection.add(rsa: rsa, digestAlgorithm: algorithm, kid: "r")
            return try await collection.sign(Payload(), kid: "r")
        }
        let (short, long) = (try await sign(.sha256), try await sign(.sha512))
        let open = bearer(Keys(set("")))
        // Garbage that names another algorithm comes first.
        for algorithm in ["RS384", "PS256", "ES256", "HS256", "none"] {
            let forged = part(#"{"alg":"\#(algorithm)","kid":"r"}"#) + ".e30.AAAA"
            await #expect(throws: Problem.self) { try await open.caller(forged) }
        }
        #expect(try await open.caller(short).name == "camera")
        #expect(try await open.caller(long).name == "camera")
        let stated = bearer(Keys(set(#","alg":"RS512""#)))
        await #expect(throws: Problem.self) { try await stated.caller(short) }
        #expect(try await stated.caller(long).name == "camera")
        for useless in [#","use":"enc""#, #","key_ops":["sign"]"#, #","alg":"ES256""#, #","alg":"RSA-OAEP""#] {
            let none = bearer(Keys(set(useless)))
            await #expect(throws: Problem.self, "\(useless)") { try await none.caller(short) }
        }
    }

    @Test(arguments: [
        (#"{"alg":"ES256","kid":"one"}"#, true), (#"{"alg":"ES256","kid":"one","typ":"JWT"}"#, true),
        (#"{"alg":"ES256","kid":"one","crit":["exp"]}"#, false), (#"{"alg":"ES256","kid":"one","crit":[]}"#, false),
        (#"{"alg":"ES256","kid":"one","crit":null}"#, false), (#"{"alg":"ES384","kid":"one"}"#, false),
        (#"{"alg":"es256","kid":"one"}"#, false), (#"{"alg":"ES256"}"#, false), (#"{"kid":"one"}"#, false),
        (#"{"alg":"ES256","kid":1}"#, false), (#"["ES256"]"#, false), ("", false),
    ])
    func headerDecidesWhetherTokenIsLookedAt(_ header: String, _ isGood: Bool) async throws {
        let bearer = bearer(Keys(signerSet))
        let token = try token(header)
        if isGood {
            #expect(try await bearer.caller(token).name == "camera")
        } else {
            await #expect { try await bearer.caller(token) } throws: { ($0 as? Problem)?.code == "bad-token" }
        }
    }

    @Test(arguments: [
        (#""exp":2000"#, true), (#""exp":2000.5,"nbf":900"#, true), (#""exp":1e300"#, true), (#""exp":"2000""#, false),
        (#""exp":null"#, false), (#""exp":true"#, false), (#""exp":2000,"nbf":"0""#, false),
        (#""exp":2000,"nbf":null"#, false), (#""exp":2000,"nbf":[0]"#, false), (#""exp":-1e300"#, false),
        (#""exp":2000,"nbf":1e300"#, false), (#""exp":1e999"#, false),
    ])
    func timesMustBeNumbers(_ times: String, _ isGood: Bool) async throws {
        let bearer = bearer(Keys(signerSet))
        let token = try token(#"{"alg":"ES256","kid":"one"}"#, claims(times))
        if isGood {
            #expect(try await bearer.caller(token).name == "camera")
        } else {
            await #expect { try await bearer.caller(token) } throws: { ($0 as? Problem)?.code == "bad-token" }
        }
    }

    @Test func typeIsCheckedWhenConfigured() async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let bearer = BearerTokens(
            rules: .init(issuer: "https://issuer", audience: "backhaul", type: "at+jwt"),
            source: Keys(signerSet), logger: logger, now: { Date(timeIntervalSince1970: 1_000) })
        for type in ["at+jwt", "AT+JWT", "application/at+jwt"] {
            let token = try token(#"{"alg":"ES256","kid":"one","typ":"\#(type)"}"#)
            #expect(try await bearer.caller(token).name == "camera")
        }
        for type in [#","typ":"JWT""#, "", #","typ":"dpop+jwt""#] {
            let token = try token(#"{"alg":"ES256","kid":"one"\#(type)}"#)
            await #expect(throws: Problem.self) { try await bearer.caller(token) }
        }
    }

    /// Issuers and audiences compare by bytes: U+212A (KELVIN SIGN) is not K.
    @Test func issuerAndAudienceCompareByBytes() async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let bearer = BearerTokens(
            rules: .init(issuer: "K", audience: "caf\u{e9}"), source: Keys(signerSet), logger: logger,
            now: { Date(timeIntervalSince1970: 1_000) })
        for (issuer, audience, isGood) in [
            ("K", "caf\u{e9}", true), ("\u{212a}", "caf\u{e9}", false), ("K", "cafe\u{301}", false),
        ] {
            let token = try token(
                #"{"alg":"ES256","kid":"one"}"#,
                #"{"iss":"\#(issuer)","aud":["x","\#(audience)"],"exp":2000,"tenant":"photos"}"#)
            let caller = try? await bearer.caller(token)
            #expect((caller != nil) == isGood, "\(issuer) \(audience)")
        }
    }

    // MARK: Expiry, rotation, revocation

    @Test func secretsRotateAndExpire() async throws {
        let (old, new) = (APIToken.generate(), APIToken.generate())
        let time = Mutex(Timestamp(clamping: 1_000))
        let caller = Caller(name: "camera", scopes: [.read], tenant: "photos", expiresAt: Timestamp(clamping: 2_000))
        let authenticator = Authenticator(
            isOn: true, tokens: [APIToken(caller: caller, sha256: [new.sha256, old.sha256])],
            now: { time.withLock { $0 } })
        for secret in [old.text, new.text] {
            #expect(try await authenticator.caller(authorization: "Bearer \(secret)") == caller)
        }
        #expect(authenticator.nextExpiry == Timestamp(clamping: 2_000))
        time.withLock { $0 = Timestamp(clamping: 2_000) }
        await #expect { try await authenticator.caller(authorization: "Bearer \(new.text)") } throws: {
            ($0 as? Problem)?.code == "expired-token"
        }
        #expect(authenticator.nextExpiry == nil)
        let watch = authenticator.watch()
        authenticator.replace([APIToken(caller: caller, sha256: [new.sha256])])
        // Remembered, although nobody waited yet.
        await watch.signal.wait()
        authenticator.unwatch(watch.id)
        await #expect { try await authenticator.caller(authorization: "Bearer \(old.text)") } throws: {
            ($0 as? Problem)?.code == "unknown-token"
        }
    }

    /// A network that guesses is answered without verification, and a good caller behind the same address is not.
    @Test func guessesAreThrottledByNetwork() async throws {
        let secret = APIToken.generate()
        let caller = Caller(name: "camera", scopes: [.read], tenant: "photos")
        let authenticator = Authenticator(
            isOn: true, tokens: [APIToken(caller: caller, sha256: [secret.sha256])],
            bearer: bearer(Keys(try set(key, id: "one"))))
        let good = "Bearer " + (try await sign(Payload()))
        let (here, there) = (ClientNetwork(v4: 1), ClientNetwork(v4: 2))
        _ = try await authenticator.caller(authorization: good, from: here)
        func code(_ authorization: String, _ network: ClientNetwork) async -> String? {
            do {
                _ = try await authenticator.caller(authorization: authorization, from: network)
                return nil
            } catch { return (error as? Problem)?.code }
        }
        var codes: [String?] = []
        for _ in 0..<30 { codes.append(await code("Bearer guess", here)) }
        #expect(codes.first == "unknown-token" && codes.last == "too-many-failures")
        #expect(await code("Bearer \(secret.text)", here) == nil)
        #expect(await code(good, here) == nil)
        // A signature that was not verified yet has to wait.
        var other = Payload()
        other.sub = "other"
        let unseen = "Bearer " + (try await sign(other))
        #expect(await code(unseen, here) == "too-many-failures")
        #expect(await code(unseen, there) == nil)
        #expect(await code(unseen, here) == nil)
    }
}
