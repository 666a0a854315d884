import BackhaulTestKit
import Foundation
import FoundationNetworking
import Testing

/// Plants a secret at every input, valid or not, and searches every output for it.
@Suite("Secret leaks")
struct CanaryTests {
    /// Each input has its own canary, so that a leak names its source; all share the text that is searched for.
    private static func canary(_ place: String) -> String { "cNrY7-\(place)-q9z" }

    private func leaks(_ text: String) -> [String] {
        text.components(separatedBy: "cNrY7-").dropFirst().map { String($0.prefix(24)) }
    }

    @Test func commandsDoNotLeakSecrets() throws {
        let canary = Self.canary
        let wrong: [([String], [String: String])] = [
            (["worker", "--password", canary("flag")], [:]),
            (["worker", "--password=" + canary("flag")], [:]),
            (["config", "check"], ["BACKHAUL_KAFKA_PASSWORD": canary("environment")]),
            (["status", "http://u:\(canary("stray"))@h/?x=\(canary("stray"))"], [:]),
            (["replay", "--rate", "http://u:\(canary("value"))@h/"], [:]),
            (["status", "--log", "kafka://user:\(canary("userinfo"))@127.0.0.1:9/"], [:]),
            (["status", "--log", "kafka://127.0.0.1:9/?sasl.password=\(canary("query"))"], [:]),
            (
                ["ingest", "--log", "kafka://127.0.0.1:9/", "--api", "ftp://u:\(canary("userinfo"))@h/"],
                ["BACKHAUL_API_AUTHENTICATION": "none"]
            ),
            (
                ["status", "--log", "kafka://127.0.0.1:9/"],
                ["BACKHAUL_KAFKA_PROPERTIES": "sasl.password=\(canary("property"))"]
            ),
            (
                ["config", "show"],
                ["BACKHAUL_KAFKA_PROPERTIES": "sasl.username=u,ssl.key.password=\(canary("property"))"]
            ),
        ]
        for (arguments, environment) in wrong {
            let outcome = try Command.run(arguments, environment: environment)
            #expect(outcome.code != 0, "\(arguments)")
            #expect(leaks(outcome.output + outcome.errors).isEmpty, "\(arguments): \(outcome)")
        }
    }

    @Test func settingsFileErrorsDoNotLeakSecrets() async throws {
        try await withTemporaryFolder { folder in
            let canary = Self.canary
            for (name, text) in [
                ("key", "kafka: { password: \(canary("file")) }"),
                ("userinfo", "destinations: { d: { type: http, url: 'http://u:\(canary("file"))@h/' } }"),
                ("query", "destinations: { d: { type: http, url: 'http://h/?X-Amz-Signature=\(canary("file"))' } }"),
                ("field", "destinations: { d: { type: http, url: 'http://h/', bearerToken: \(canary("file")) } }"),
                ("property", "kafka: { properties: { sasl.password: \(canary("file")) } }"),
                ("yaml", "kafka: [ \(canary("file"))"),
                ("tokens", "api: { tokensFile: \(folder)/tokens }"),
            ] {
                // A token where its hash should be.
                try Data("cam: { sha256: \(canary("token")), scopes: [submit], tenant: t }".utf8)
                    .write(to: URL(fileURLWithPath: folder + "/tokens"))
                try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/c.yaml"))
                for command in ["check", "show"] {
                    let outcome = try Command.run(["config", command, "--config", folder + "/c.yaml"])
                    // To show the settings needs no tokens.
                    let reads = command == "check" || name != "tokens"
                    #expect(outcome.code == (reads ? 2 : 0), "\(name): \(outcome)")
                    #expect(leaks(outcome.output + outcome.errors).isEmpty, "\(name): \(outcome)")
                }
            }
        }
    }

    private func send(
        _ method: String, _ url: String, _ body: String? = nil, headers: [String: String]
    ) async throws -> String {
        var request = URLRequest(url: try #require(URL(string: url)))
        request.httpMethod = method
        request.timeoutInterval = 120
        if let body { request.httpBody = Data(body.utf8) }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let (data, response) = try await URLSession.shared.data(for: request)
        return "\((response as? HTTPURLResponse)?.allHeaderFields ?? [:]) " + String(decoding: data, as: UTF8.self)
    }

    /// Runs a daemon that logs everything, a destination that repeats its credential everywhere, and a trace collector.
    @Test func serviceDoesNotLeakSecrets() async throws {
        try await withTemporaryFolder { folder in
            let canary = Self.canary
            let collector = try StubServer { _ -> StubAnswer in .store() }
            let destination = try StubServer { request -> StubAnswer in
                let told = request.headers["authorization"] ?? "none"
                switch request.earlier % 3 {
                case 0: return .status(500, headers: ["X-Echo": told, "WWW-Authenticate": told], body: told)
                case 1:
                    return .status(
                        302, headers: ["Location": "http://u:\(canary("location"))@h/?x=\(told)"], body: told)
                default: return .store(headers: ["ETag": told])
                }
            }
            defer {
                collector.close()
                destination.close()
            }
            for (name, secret) in [("bearer", "bearer"), ("headers", "tracing")] {
                let text = name == "headers" ? "X-Key: \(canary(secret))" : canary(secret)
                try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
            }
            try FileManager.default.createDirectory(atPath: folder + "/files", withIntermediateDirectories: true)
            for name in ["a", "b"] { try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/files/" + name)) }
            let made = try Command.run([
                "token", "cam", "--scope", "submit", "--scope", "read", "--scope", "operate", "--tenant", "t",
                "--append",
                folder + "/tokens",
            ])
            let token = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(token.hasPrefix("bht_"))
            try Data(
                """
                sources: { roots: { src: \(folder)/files } }
                destinations: { web: { type: http, url: '\(destination.url)', bearerTokenFile: \(folder)/bearer } }
                api: { tokensFile: \(folder)/tokens, fileRoots: [src], freeURLs: true }
                retry: { tiers: [100ms], maxAttempts: 3 }
                tracing: { endpoint: '\(collector.url)', headersFile: \(folder)/headers }
                logging: { level: trace }
                """.utf8
            ).write(to: URL(fileURLWithPath: folder + "/c.yaml"))
            let daemon = try Daemon(data: folder + "/data", config: folder + "/c.yaml")
            let listen = try #require(daemon.log.firstMatch(of: #/"listen":"([^"]+)"/#)?.1)
            let base = "http://\(listen)"
            var said: [String] = []
            func tell(_ method: String, _ path: String, _ body: String? = nil, _ headers: [String: String]) async throws
            {
                said.append(try await send(method, base + path, body, headers: headers))
            }
            let good = ["Authorization": "Bearer \(token)", "Cookie": canary("cookie"), "X-Secret": canary("header")]
            func task(_ path: String, _ place: String, _ more: String = "") -> String {
                #"{"source":{"root":"src","path":"\#(path)"},"destination":"\#(place)"\#(more)}"#
            }
            try await tell("POST", "/v1/tasks?token=\(canary("query"))", task("a", "web", #","taskId":"a""#), good)
            try await tell(
                "POST", "/v1/tasks", task("b", "web"), good.merging(["Idempotency-Key": canary("key")]) { $1 })
            try await tell("POST", "/v1/tasks", task("a", "http://u:\(canary("userinfo"))@h/"), good)
            try await tell("POST", "/v1/tasks", task("a", "http://h/?sig=\(canary("query"))"), good)
            try await tell("POST", "/v1/tasks", task("a", "web", #","password":"\#(canary("field"))""#), good)
            try await tell("POST", "/v1/tasks:batch", "{\"password\": \"\(canary("line"))\"", good)
            for wrong in [
                "Bearer \(canary("bearer"))", "Basic \(canary("basic"))", "Bearer a.\(canary("jwt")).c", canary("bare"),
            ] {
                try await tell("GET", "/v1/tenants/t/tasks?cursor=\(canary("cursor"))", nil, ["Authorization": wrong])
            }
            try await tell("GET", "/v1/tenants/t/tasks?after=\(canary("query"))", nil, good)
            try await tell("GET", "/v1/tenants/t/tasks", nil, good.merging(["traceparent": canary("trace")]) { $1 })
            for _ in 0..<200 {
                let state = try await send("GET", base + "/v1/tenants/t/tasks/a", headers: good)
                if state.contains(#""state":"succeeded""#) || state.contains(#""state":"failed""#) { break }
                try await Task.sleep(for: .milliseconds(50))
            }
            try await tell("GET", "/v1/tenants/t/tasks/a", nil, good)
            for id in ["a", "none"] {
                let place = #"{"destination":"http://u:\#(canary("retry"))@h/?X-Amz-Signature=\#(canary("retry"))"}"#
                try await tell("POST", "/v1/tenants/t/tasks/\(id)/retry", place, good)
            }
            try await tell("GET", "/metrics", nil, good)
            try await tell("GET", "/v1/tenants/t/tasks", nil, good)
            #expect(said.joined().contains(#""state":"failed""#), "the destination was reached")
            #expect(daemon.terminate() == 0)
            #expect(destination.requests.contains { $0.headers["authorization"] == "Bearer " + canary("bearer") })
            #expect(collector.requests.contains { $0.headers["x-key"] == canary("tracing") })
            #expect(leaks(said.joined(separator: "\n")).isEmpty, "answers: \(leaks(said.joined()))")
            #expect(leaks(daemon.log).isEmpty, "logs: \(leaks(daemon.log))")
            let spans = collector.objects.values.map { String(decoding: $0, as: UTF8.self) }.joined()
            #expect(!spans.isEmpty && leaks(spans).isEmpty, "traces")
            #expect(!daemon.log.contains(token) && !said.joined().contains(token) && !spans.contains(token))
            // Searches records, views and every other file that was written.
            for name in try FileManager.default.subpathsOfDirectory(atPath: folder + "/data") {
                guard let data = FileManager.default.contents(atPath: folder + "/data/" + name) else { continue }
                let text = String(decoding: data, as: UTF8.self)
                #expect(leaks(text).isEmpty && !text.contains(token), "\(name): \(leaks(text))")
            }
        }
    }
}
