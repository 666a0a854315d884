import BackhaulDomain
import BackhaulSettings
import BackhaulTestKit
import BackhaulUnits
import Foundation
import Testing

@Suite("Token file")
struct TokenFileTests {
    private func hash(_ digit: Character) -> String { String(repeating: digit, count: 64) }

    private func token(_ name: String, _ digit: Character = "a") -> APISettings.Token {
        APISettings.Token(name: name, sha256: [hash(digit)], scopes: ["read"], tenant: "photos")
    }

    private func names(_ text: String) throws -> [String] { try TokenFile.tokens(of: text, "t").map(\.name) }

    @Test func fieldsAreRead() throws {
        let text = """
            # People
            a: { sha256: \(hash("A")), scopes: [submit, read], tenant: '*' }
            b:
              sha256: [\(hash("b")), \(hash("c"))]
              scopes: operate
              tenant: photos
              expires: 2027-03-01T00:00:00Z
            """
        let tokens = try TokenFile.tokens(of: text, "t")
        #expect(tokens.map(\.sha256) == [[hash("a")], [hash("b"), hash("c")]])
        #expect(tokens.map(\.tenant) == [nil, "photos"])
        #expect(tokens.map(\.expiresAt?.description) == [nil, "2027-03-01T00:00:00.000Z"])
        #expect(try TokenFile.tokens(of: "", "t").isEmpty && TokenFile.tokens(of: "# none\n", "t").isEmpty)
    }

    @Test func mistakesNameTheirLine() {
        let good = "sha256: \(hash("a")), scopes: [read], tenant: t"
        for (text, place, message) in [
            ("a: { \(good) }\nb: 1\na: { \(good) }", "t, line", "'a' occurs twice"),
            ("a: { \(good) }\nb: { \(good) }", "t, line 2", "hash of another token"),
            ("a: {", "t, line", "not YAML"), ("- a", "t", "mapping of names"),
            ("\na: { sha256: bht_secret, scopes: [read], tenant: t }", "t, line 2", "64 hex digits"),
            ("a: { sha256: [], scopes: [read], tenant: t }", "t, line 1", "64 hex digits"),
            (
                "a: { sha256: [\(hash("1")), \(hash("2")), \(hash("3"))], scopes: [read], tenant: t }", "t",
                "64 hex digits"
            ),
            ("a: { \(good), expires: tomorrow }", "t, line 1", "expires"),
            ("a: { \(good), expire: never }", "t, line 1", "did you mean 'expires'"),
            ("a b: { \(good) }", "t, line 1", "token name"),
            ("a: { sha256: \(hash("a")), scopes: [write], tenant: t }", "t, line 1", "scopes"),
            ("a: { sha256: \(hash("a")), scopes: [read] }", "t, line 1", "needs a tenant"),
        ] {
            #expect {
                _ = try TokenFile.tokens(of: text, "t")
            } throws: { error in
                guard let error = error as? SettingsError else { return false }
                return error.place.hasPrefix(place) && error.message.contains(message)
                    && !error.description.contains("bht_secret")
            }
        }
    }

    /// Whatever is added, rotated and revoked: the other entries stay as they are, and so do comments.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func changesKeepTheRest(_ seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        let block = "block:\n  sha256: \(hash("f"))\n  scopes:\n    - read\n  tenant: photos\n"
        var text = "# The callers\n\n\(block)\n# last\n"
        var model: [String: [String]] = ["block": [hash("f")]]
        for step in 0..<60 {
            let name = ["block", "a", "b", "c", "d"].randomElement(using: &numbers) ?? "a"
            let fresh = Hex.encode((0..<32).map { _ in UInt8.random(in: 0...255, using: &numbers) })
            let before = text
            do throws(SettingsError) {
                switch Int.random(in: 0..<3, using: &numbers) {
                case 0:
                    var token = token(name)
                    token.sha256 = [fresh]
                    text = try TokenFile.adding(token, to: text, "t")
                    #expect(model[name] == nil)
                    model[name] = [fresh]
                case 1:
                    text = try TokenFile.rotating(name, to: fresh, expiresAt: nil, in: text, "t").text
                    model[name] = [fresh] + (model[name]?.prefix(1) ?? [])
                default:
                    text = try TokenFile.revoking(name, in: text, "t")
                    #expect(model[name] != nil)
                    model[name] = nil
                }
            } catch {
                #expect(text == before)
                continue
            }
            let read = Dictionary(
                try TokenFile.tokens(of: text, "t").map { ($0.name, $0.sha256) }, uniquingKeysWith: { $1 })
            #expect(read == model, "step \(step)")
            #expect(text.hasPrefix("# The callers\n\n") && text.contains("# last\n"))
        }
    }

    /// Layouts that cannot be changed line by line are refused, not damaged.
    @Test(arguments: [
        "{ a: { sha256: H, scopes: [read], tenant: t } }", "{a: {sha256: H, scopes: [read], tenant: t}}\n",
    ])
    func unusualLayoutIsRefused(_ layout: String) throws {
        let text = layout.replacing("H", with: hash("a"))
        #expect(try names(text) == ["a"])
        #expect(throws: SettingsError.self) { _ = try TokenFile.revoking("a", in: text, "t") }
        #expect(throws: SettingsError.self) { _ = try TokenFile.adding(token("b", "b"), to: text, "t") }
    }

    @Test func fileOthersMayWriteIsRefused() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/t"
            try Data(TokenFile.entry(token("a")).utf8).write(to: URL(fileURLWithPath: path))
            for (mode, isGood) in [(0o600, true), (0o644, true), (0o640, true), (0o660, false), (0o606, false)] {
                #expect(chmod(path, mode_t(mode)) == 0)
                #expect(((try? TokenFile.read(path)) != nil) == isGood, "\(String(mode, radix: 8))")
            }
            #expect(throws: SettingsError.self) { _ = try TokenFile.read(folder) }
            #expect(throws: SettingsError.self) { _ = try TokenFile.read(folder + "/none") }
        }
    }
}
