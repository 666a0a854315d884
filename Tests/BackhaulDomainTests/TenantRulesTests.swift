import BackhaulDomain
import Testing

@Suite("Tenant rules")
struct TenantRulesTests {
    private let base = TenantPolicy(
        roots: .only(["shared"]), destinations: .all, keyPrefixes: [TenantRules.ownPrefix], freeURLs: false)

    private func reference(_ target: DestinationReference.Target, _ key: ByteText) -> DestinationReference {
        DestinationReference(target: target, key: key)
    }

    @Test func nameBeatsPatternsAndLongerPatternsBeatShorterOnes() {
        let rules = TenantRules(
            ["team-*", "team-a", "*", "*-a", "team-b*", "te*m-b1"].map { TenantRules.Entry(ByteText($0)) })
        for (tenant, pattern) in [
            ("team-a", "team-a"), ("team-c", "team-*"), ("team-b1", "te*m-b1"), ("team-b2", "team-b*"), ("other", "*"),
            ("x-a", "*-a"), ("team", "*"), ("team-", "team-*"), ("-a", "*-a"), ("a", "*"),
        ] {
            #expect(rules.entry(of: ByteText(tenant))?.pattern == ByteText(pattern), "\(tenant)")
        }
        #expect(TenantRules([.init("a*a")]).entry(of: "a") == nil)
        #expect(TenantRules([.init("a*a")]).entry(of: "aa") != nil)
        #expect(TenantRules().entry(of: "a") == nil)
    }

    @Test func entryReplacesOnlyWhatItSays() {
        let rules = TenantRules([
            .init("photos", roots: .all), .init("open", keyPrefixes: .any, freeURLs: true),
            .init("team-*", destinations: .only(["nas"]), keyPrefixes: .oneOf(["teams/{tenant}/", "shared/"])),
        ])
        let photos = rules.policy(of: "photos", base: base)
        #expect(photos.roots == .all && photos.keyPrefixes == ["photos/"] && !photos.freeURLs)
        let open = rules.policy(of: "open", base: base)
        #expect(open.roots == base.roots && open.keyPrefixes == nil && open.freeURLs)
        let team = rules.policy(of: "team-a", base: base)
        #expect(team.keyPrefixes == ["teams/team-a/", "shared/"] && team.key(of: "x") == "teams/team-a/x")
        #expect(open.key(of: "x") == "x")
    }

    /// Prefixes are bytes: no other Unicode form of a prefix, and no neighbour's name that begins alike.
    @Test func keysOutsideThePrefixAreRefused() throws {
        let policy = TenantRules().policy(of: "photos", base: base)
        try policy.check(destination: reference(.named("nas"), "photos/a"), of: "photos")
        for key in ["photos", "photos2/a", "Photos/a", "photo/a", "/photos/a", "a", "", "photos\u{301}/a"] {
            #expect(throws: TenantPolicy.ViolationError.self, "\(key)") {
                try policy.check(destination: reference(.named("nas"), ByteText(key)), of: "photos")
            }
        }
        let accented = TenantPolicy(roots: .all, destinations: .all, keyPrefixes: ["caf\u{e9}/"], freeURLs: true)
        try accented.check(destination: reference(.named("nas"), "caf\u{e9}/a"), of: "t")
        #expect(throws: TenantPolicy.ViolationError.self) {
            try accented.check(destination: reference(.named("nas"), "cafe\u{301}/a"), of: "t")
        }
    }

    @Test func rootsDestinationsAndURLsAreChecked() throws {
        let policy = TenantPolicy(
            roots: .only(["src"]), destinations: .only(["nas"]), keyPrefixes: nil, freeURLs: false)
        func code(_ body: () throws(TenantPolicy.ViolationError) -> Void) -> String? {
            do throws(TenantPolicy.ViolationError) {
                try body()
                return nil
            } catch { return error.code }
        }
        #expect(code { () throws(TenantPolicy.ViolationError) in try policy.check(root: "src", of: "t") } == nil)
        #expect(
            code { () throws(TenantPolicy.ViolationError) in try policy.check(root: "etc", of: "t") }
                == "file-source-off")
        for (target, wanted) in [
            (DestinationReference.Target.named("nas"), nil), (.named("other"), "destination-off"),
            (.url("http://h/"), "free-urls-off"),
        ] as [(DestinationReference.Target, String?)] {
            let found = code { () throws(TenantPolicy.ViolationError) in
                try policy.check(destination: reference(target, "a"), of: "t")
            }
            #expect(found == wanted)
        }
    }
}
