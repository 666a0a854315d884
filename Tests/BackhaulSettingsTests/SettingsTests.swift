import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulSettings
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Foundation
import Testing

@Suite("Settings")
struct SettingsTests {
    private func read(_ yaml: String, _ environment: [String: String] = [:]) async throws -> Settings {
        try await withTemporaryFolder { folder in
            try Data(yaml.utf8).write(to: URL(fileURLWithPath: folder + "/c.yaml"))
            return try SettingsReader.read(file: folder + "/c.yaml", environment: environment)
        }
    }

    @Test func defaultsAreValid() throws {
        let settings = try SettingsReader.read(
            file: nil, environment: ["PATH": "/bin", "BACKHAUL_TEST_KAFKA": "x", "BACKHAUL_LOG": "y"])
        #expect(
            settings.policy.tiers == [
                .seconds(10), .seconds(60), .seconds(600), .seconds(3_600), .seconds(21_600), .seconds(86_400),
            ])
        #expect(settings.partitions == 8 && settings.layout.prefix == "backhaul.")
    }

    @Test func dropDestinationIsRead() async throws {
        let settings = try await read("destinations: {nowhere: {type: drop, order: key, overwrite: keep-both}}")
        #expect(
            settings.destinations["nowhere"] == Destination(DropDestination(), order: .key, overwrite: .keepBoth))
        await #expect(throws: SettingsError.self) { try await read("destinations: {n: {type: drop, path: /x}}") }
    }

    @Test func environmentOverridesFileOverridesDefault() async throws {
        let yaml = "retry:\n  tiers: [1s, 2s]\n  maxAttempts: 3\nlimits.uploads: 5\n"
        let settings = try await read(yaml, ["BACKHAUL_RETRY_MAX_ATTEMPTS": "4"])
        #expect(settings.policy.tiers == [.seconds(1), .seconds(2)])
        #expect(settings.policy.maxAttempts == 4)
        #expect(settings.uploads == 5)
        #expect(
            settings.texts.first { $0.name == "retry.maxAttempts" }?.from
                == "environment variable BACKHAUL_RETRY_MAX_ATTEMPTS")
    }

    @Test(arguments: [
        ("retry:\n  maxAttemps: 3", "unknown setting 'retry.maxAttemps'; did you mean 'retry.maxAttempts'?"),
        ("rettry: 1", "unknown setting 'rettry'"),
        ("destinations: {a: {type: drop, overwrite: maybe}}", "overwrite must be one of replace"),
        ("retry: {tiers: [1s, 1s]}", "ascending order"),
        ("retry: {tiers: [ten]}", "not a duration"), ("retry: {maxAttempts: many}", "not a whole number"),
        ("limits: {largeThreshold: 5MB}", "not a size"), ("egress: {allow: [10.0.0.0/99]}", "not an address range"),
        ("sources: {roots: /srv}", "mapping of names"), ("sources: {roots: {a: relative}}", "absolute path"),
        ("sources: {roots: [{name: a, path: /x, mraker: y}]}", "did you mean 'marker'"),
        ("destinations: {nas: {type: ftp}}", "type must be"), ("destinations: {nas: {type: http}}", "url is missing"),
        ("destinations: {nas: {type: http, url: 'http://u:p@h/'}}", "user name"),
        ("destinations: {nas: {type: http, url: 'http://h/?sig=1'}}", "query"),
        ("destinations: {nas: {type: folder, path: x}}", "absolute"),
        ("destinations: {nas: {type: folder, path: /x, paht: /y}}", "did you mean 'path'"),
        ("destinations: {nas: {type: folder, path: /x, method: PUT}}", "method is not used"),
        ("destinations: {nas: {type: folder, path: /x, verify: head}}", "verify must be one of answer, read-back"),
        ("destinations: {'../x': {type: folder, path: /x}}", "destination name"),
        ("tracing: {endpoint: 'http://u:p@h/'}", "user name"), ("tracing: {endpoint: 'h:4318'}", "must begin with"),
        (
            "api: {jwt: {keysURL: 'https://u:p@h/keys', issuer: i, audience: a}}",
            "api.jwt.keysURL: must not hold a user name"
        ),
        ("retention: {work: 10d, results: 1d}", "must not be shorter"), ("a: [b", "not valid YAML"),
        ("- a", "mapping of settings"),
    ])
    func invalidSettingsAreNamed(_ yaml: String, _ text: String) async throws {
        do {
            _ = try await read(yaml)
            Issue.record("\(yaml) was accepted")
        } catch let error as SettingsError {
            #expect(error.description.contains(text), "\(error)")
            #expect(error.place.contains("c.yaml"), "\(error)")
        }
    }

    @Test func unknownEnvironmentVariableIsRefused() {
        #expect(
            throws: SettingsError(
                "environment",
                "variable BACKHAUL_RETRY_MAX_ATTEMPT is not a setting; did you mean BACKHAUL_RETRY_MAX_ATTEMPTS?")
        ) {
            try SettingsReader.read(file: nil, environment: ["BACKHAUL_RETRY_MAX_ATTEMPT": "3"])
        }
    }

    /// Kubernetes sets these in every container beside a Service named `backhaul` or `backhaul-ingest`.
    @Test func variablesOfAServiceAreNoSettings() throws {
        for service in ["BACKHAUL", "BACKHAUL_INGEST", "BACKHAUL_API"] {
            let variables = [
                "_SERVICE_HOST": "10.0.0.1", "_SERVICE_PORT": "8480", "_SERVICE_PORT_HTTP": "8480",
                "_PORT": "tcp://10.0.0.1:8480", "_PORT_8480_TCP": "tcp://10.0.0.1:8480",
                "_PORT_8480_TCP_PROTO": "tcp", "_PORT_8480_TCP_PORT": "8480", "_PORT_8480_TCP_ADDR": "10.0.0.1",
            ]
            for (name, value) in variables {
                _ = try SettingsReader.read(file: nil, environment: [service + name: value])
            }
        }
        for (name, value) in [("BACKHAUL_PORT", "8480"), ("BACKHAUL_PORTS", "tcp://x"), ("BACKHAUL_SERVICE", "x")] {
            #expect(throws: SettingsError.self, "\(name)") {
                try SettingsReader.read(file: nil, environment: [name: value])
            }
        }
    }

    /// SSL_CERT_FILE is for all programs: a file that is not there stops none of them. One that a setting names must
    /// be there.
    @Test func authoritiesOfTheEnvironmentMayBeMissing() async throws {
        let missing = try SettingsReader.read(file: nil, environment: ["SSL_CERT_FILE": "/nonexistent/ca.pem"])
        #expect(missing.transfers.authorities == nil)
        let found = try SettingsReader.read(file: nil, environment: ["SSL_CERT_FILE": #filePath])
        #expect(found.transfers.authorities == #filePath)
        await #expect(throws: SettingsError.self) { try await read("egress: {caFile: /nonexistent/ca.pem}") }
    }

    @Test func everySettingHasUniqueEnvironmentVariable() {
        #expect(SettingKey.named["egress.freeURLs"]?.environmentName == "BACKHAUL_EGRESS_FREE_URLS")
        #expect(
            SettingKey.named["limits.stallBytesPerSecond"]?.environmentName == "BACKHAUL_LIMITS_STALL_BYTES_PER_SECOND")
        #expect(Set(SettingKey.all.map(\.environmentName)).count == SettingKey.all.count)
    }

    @Test func destinationsAndRootsAreRead() async throws {
        let settings = try await read(
            """
            sources:
              roots:
                photos: /srv/photos
                disk: {path: /mnt/disk, marker: .mounted}
            destinations:
              nas: {type: folder, path: /mnt/nas, verify: read-back, order: key}
              web: {type: http, url: "https://host/base/", method: POST, verify: head}
            """)
        #expect(settings.roots["disk"]?.marker == ".mounted")
        #expect(
            settings.destinations["nas"]
                == Destination(FolderDestination(path: "/mnt/nas", readsBack: true), order: .key))
        #expect(settings.destinations["web"]?.order == Destination.Order.none)
    }

    /// Of destinations, too, files of secrets are known, so that the start can name one that every user may read.
    @Test func secretFilesOfDestinationsAreKnown() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/token"
            try Data("x".utf8).write(to: URL(fileURLWithPath: file))
            #expect(chmod(file, 0o644) == 0)
            let settings = try await read(
                "destinations: { web: { type: http, url: 'https://h/', bearerTokenFile: \(file) } }")
            #expect(settings.secretFiles.map(\.setting) == ["destinations.web.bearerTokenFile"])
            #expect(settings.secretFiles.map(\.path) == [file] && SecretFile.isReadableByAll(file))
        }
    }

    private func committed(_ path: String) throws -> String {
        let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: here.appendingPathComponent(path), encoding: .utf8)
    }

    /// The embedded log believes a gap of a tenth of it (C34): a kind of record that is left out would age faster.
    @Test func everyRetentionCountsForTheShortest() throws {
        // Those of work, results and dead letters may only grow in this order.
        let names = SettingKey.all.map(\.name).filter { $0.hasPrefix("retention.") }
        let order = ["retention.work", "retention.results", "retention.deadLetters"]
        #expect(Set(names).isSuperset(of: order))
        for name in names {
            let short = order.firstIndex(of: name).map { Array(order[...$0]) } ?? [name]
            var environment: [String: String] = [:]
            for other in names {
                let key = try #require(SettingKey.named[other])
                environment[key.environmentName] = short.contains(other) ? "3d" : "90d"
            }
            #expect(
                try SettingsReader.read(file: nil, environment: environment).shortestRetention == .seconds(3 * 86_400))
        }
    }

    /// The committed files match the code; `make reference` writes them.
    @Test func generatedReferenceIsCurrent() throws {
        #expect(try committed("docs/CONFIGURATION.md").contains("\n\n" + SettingsReference.markdown + "\n"))
        #expect(
            try committed("docs/CONFIGURATION.md").contains(
                "<!-- destinations -->\n\n" + SettingsReference.destinationTypes + "<!-- /destinations -->"))
        #expect(try committed("schemas/json/config.v1.schema.json") == SettingsReference.schema)
    }
}

@Suite("Tenants in the settings")
struct TenantSettingsTests {
    private func read(_ tenants: String) async throws -> Settings {
        try await withTemporaryFolder { folder in
            let yaml = """
                sources: { roots: { src: /srv/a, usb: /media/usb } }
                destinations: { nas: { type: drop }, tape: { type: drop } }
                tenants:
                \(tenants.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))
                """
            try Data(yaml.utf8).write(to: URL(fileURLWithPath: folder + "/c.yaml"))
            return try SettingsReader.read(file: folder + "/c.yaml", environment: [:])
        }
    }

    @Test func entriesAreRead() async throws {
        let settings = try await read(
            """
            photos: { roots: [src], destinations: [nas, tape], keys: '{tenant}/', freeURLs: false }
            "team-*": { roots: '*', keys: ['teams/{tenant}/', 'shared/'] }
            "*": { keys: '*', roots: [] }
            """)
        let entries = settings.tenants.entries
        #expect(entries.map(\.pattern) == ["photos", "team-*", "*"])
        #expect(entries.map(\.roots) == [.only(["src"]), .all, .only([])])
        #expect(entries.map(\.destinations) == [.only(["nas", "tape"]), nil, nil])
        #expect(entries.map(\.keyPrefixes) == [.oneOf(["{tenant}/"]), .oneOf(["teams/{tenant}/", "shared/"]), .any])
        #expect(entries.map(\.freeURLs) == [false, nil, nil])
    }

    /// Labels of metrics must be few and plain.
    @Test func classesAreRead() async throws {
        let settings = try await read(
            "photos: { class: gold }\n\"team-*\": { class: silver-2 }\nother: { roots: [src] }")
        let classes = ["photos", "team-a", "other", "unknown"].map { settings.tenants.tenantClass(of: $0) }
        #expect(classes == ["gold", "silver-2", "", ""])
        for name in ["'a b'", "Gold", "''", String(repeating: "a", count: 33), "a\u{e9}"] {
            await #expect(throws: SettingsError.self) { try await read("photos: { class: \(name) }") }
        }
    }

    /// Limits are on by default, and an entry changes those that it names.
    @Test func quotasAreRead() async throws {
        let settings = try await read(
            """
            photos: { tasksPerSecond: 5, bytesPerDay: 1GiB, unacknowledgedTasks: 0, tenantStreams: 2 }
            "team-*": { tenantConnections: 7 }
            """)
        let quotas = TenantQuotas(settings.api.quota, tenants: settings.tenants)
        let usual = TenantQuota(
            tasksPerSecond: 2_000, unacknowledgedTasks: 10_000_000, bytesPerDay: ByteCount(10 << 40), streams: 64,
            connections: 256)
        #expect(quotas.quota(of: "other") == usual)
        let photos = TenantQuota(
            tasksPerSecond: 5, unacknowledgedTasks: 0, bytesPerDay: ByteCount(1 << 30), streams: 2, connections: 256)
        #expect(quotas.quota(of: "photos") == photos)
        var team = usual
        team.connections = 7
        #expect(quotas.quota(of: "team-a") == team)
    }

    @Test(arguments: [
        ("photos: { tasksPerSecond: -1 }", "tasksPerSecond"), ("photos: { bytesPerDay: 1XiB }", "not a size"),
        ("photos: { tenantStreams: 257 }", "allowed range"), ("photos: { streams: 1 }", "unknown"),
        ("photos: { roots: [scr] }", "did you mean 'src'"), ("photos: { destinations: [nsa] }", "did you mean 'nas'"),
        ("photos: { key: x }", "did you mean 'keys'"), ("a/b: { roots: [src] }", "pattern with one *"),
        ("\"a**\": { roots: [src] }", "pattern with one *"), ("photos: { keys: ['/x'] }", "cannot begin a key"),
        ("photos: { keys: ['../'] }", "cannot begin a key"), ("photos: { keys: ['*', 'x/'] }", "what keys begin with"),
        ("photos: { keys: [] }", "what keys begin with"), ("photos: { freeURLs: maybe }", "true or false"),
        ("photos: 1", "must be a mapping"),
    ])
    func mistakesAreNamedWithTheirLine(_ text: String, _ message: String) async throws {
        await #expect {
            _ = try await read(text)
        } throws: { error in
            guard let error = error as? SettingsError else { return false }
            return error.place.hasSuffix("line 4") && error.message.contains(message)
        }
    }
}
