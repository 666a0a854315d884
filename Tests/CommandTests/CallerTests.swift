import BackhaulTestKit
import Foundation
import Testing

/// Callers of a running daemon: rotation, revocation and web pages.
@Suite("Callers", .serialized)
struct CallerTests {
    private struct Setup {
        var folder: String
        var tokens: String { folder + "/tokens.yaml" }
        var daemon: Daemon
        var port: Int

        init(_ folder: String, api: String, listen: String = "127.0.0.1:0") throws {
            self.folder = folder
            try FileManager.default.createDirectory(atPath: folder + "/files", withIntermediateDirectories: true)
            let rest = "sources: { roots: { src: \(folder)/files } }\ndestinations: { nowhere: { type: drop } }\n"
            try Data((rest + "api: \(api)\n").utf8)
                .write(to: URL(fileURLWithPath: folder + "/c.yaml"))
            daemon = try Daemon(data: folder + "/data", config: folder + "/c.yaml", workers: 1, listen: listen)
            let found = try #require(daemon.log.firstMatch(of: #/"listen":"[^"]*:([0-9]+)"/#)?.1)
            port = try #require(Int(found))
        }

        /// The head of the answer to a request.
        func ask(_ head: String, seconds: Int = 60) async throws -> String {
            let client = try RawClient(port: port)
            client.send(head)
            return await client.receive(seconds: seconds) { $0.contains("\r\n\r\n") }.text
        }

        func status(_ token: String) async throws -> Int {
            let answer = try await ask(
                "GET /v1/tenants/photos/usage HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n\r\n")
            return try #require(Int(answer.split(separator: " ").dropFirst().first ?? ""))
        }

        /// Waits until the answer for a token has this status; within a second when the machine is idle.
        func wait(_ token: String, _ wanted: Int) async throws {
            let end = ContinuousClock.now + .seconds(60)
            while try await status(token) != wanted {
                try #require(ContinuousClock.now < end, "the token did not become \(wanted)")
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private func token(_ arguments: String...) throws -> String {
        let outcome = try Command.run(["token"] + arguments)
        try #require(outcome.code == 0, "\(outcome)")
        return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Every act is recorded with its caller and its end; tasks and results name who submitted them.
    @Test func actsNameTheirCallers() async throws {
        try await withTemporaryFolder { folder in
            let tokens = folder + "/tokens.yaml"
            let secret = try token(
                "ci", "--scope", "submit", "--scope", "read", "--scope", "operate", "--tenant", "photos", "--append",
                tokens)
            let setup = try Setup(folder, api: "{ tokensFile: \(tokens), fileRoots: [src] }")
            for name in ["a", "b"] { try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/files/\(name)")) }
            func post(_ path: String, _ body: String = "") async throws -> String {
                let answer = try await setup.ask(
                    "POST /v1/\(path) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(secret)\r\n"
                        + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
                return String(answer.split(separator: " ").dropFirst().first ?? "")
            }
            func task(_ path: String, _ id: String, root: String = "src") -> String {
                #"{"source":{"root":"\#(root)","path":"\#(path)"},"destination":"nowhere","taskId":"\#(id)"}"#
            }
            #expect(try await post("tasks", task("a", "one")) == "201")
            #expect(try await post("tasks", task("a", "two", root: "other")) == "403")
            #expect(
                try await post("tasks:batch", task("b", "three") + "\n" + task("b", "four", root: "other") + "\n")
                    == "200")
            #expect(try await post("tenants/photos/tasks/none/cancel") == "404")
            #expect(try await post("tenants/videos/tasks/one/acknowledge") == "403")
            #expect(try await post("tenants/photos/tasks/none/retry", #"{"destination":"nowhere"}"#) == "404")
            #expect(try await post("tenants/photos/tasks:acknowledge", #"{"taskIds":["x","y"]}"#) == "200")
            let log = ["--log", "embedded://\(folder)/data", "--config", folder + "/c.yaml"]
            let submitted = try await Command.result(["submit", folder + "/files", "--to", "nowhere", "--wait"] + log)
            #expect(submitted.code == 0, "\(submitted)")
            _ = try token("ci", "--revoke", tokens)
            try await setup.wait(secret, 401)

            let user = "\(NSUserName())@\(ProcessInfo.processInfo.hostName)"
            let wanted: Set = [
                "configuration done standalone service", "submit done ci http", "submit refused ci http",
                "submit partly ci http", "cancel refused ci http", "acknowledge refused ci http",
                "retry refused ci http", "submit begun \(user) command-line", "submit done \(user) command-line",
                "tokens done standalone service",
            ]
            var printed = ""
            var acts: [[String: Any]] = []
            let end = ContinuousClock.now + .seconds(60)
            // A change of tokens takes effect, and is recorded just after that.
            while acts.count < wanted.count + 1, ContinuousClock.now < end {
                let outcome = try await Command.result(["acts", "--output", "json"] + log)
                (printed, acts) = (outcome.output, outcome.objects)
            }
            func text(_ act: [String: Any], _ names: String...) -> String {
                names.map { act[$0] as? String ?? "?" }.joined(separator: " ")
            }
            // Two of the acknowledgments were refused: another tenant's task, and a list of unknown ones.
            #expect(acts.count == wanted.count + 1)
            let lists = acts.filter { $0["act"] as? String == "acknowledge" }.compactMap {
                $0["counts"] as? [String: Int]
            }
            #expect(lists.contains(["unknown": 2]), "\(lists)")
            try Schema.validate(printed, against: "act.v1", folder)
            #expect(Set(acts.map { text($0, "act", "outcome", "caller", "way") }) == wanted)
            #expect(
                acts.filter { $0["way"] as? String == "http" }.allSatisfy { $0["address"] as? String == "127.0.0.1" })
            #expect(acts.map { text($0, "at") } == acts.map { text($0, "at") }.sorted())
            #expect(acts.contains { ($0["detail"] as? String)?.contains("to destination 'nowhere'") == true })
            #expect(acts.contains { $0["detail"] as? String == "removed: ci" })
            // What changes while no service runs shows at the next start.
            #expect(acts.contains { ($0["detail"] as? String)?.contains("callers: ci (1); fingerprint ") == true })
            let mine = try await Command.result(["acts", "--caller", "ci", "--task", "one", "--output", "json"] + log)
            #expect(mine.objects.map { text($0, "act", "outcome") } == ["submit done", "acknowledge refused"])
            let results = try await Command.result(["results", "--output", "json"] + log).objects
            #expect(Set(results.map { text($0, "submittedBy") }) == ["ci", user])
        }
    }

    /// A token that is added, rotated or revoked counts without a signal, and a revoked one ends its open stream.
    @Test func changesOfTheTokenFileTakeEffect() async throws {
        try await withTemporaryFolder { folder in
            let tokens = folder + "/tokens.yaml"
            let first = try token("camera", "--scope", "read", "--tenant", "photos", "--append", tokens)
            let other = try token("other", "--scope", "read", "--tenant", "photos", "--append", tokens)
            let setup = try Setup(folder, api: "{ tokensFile: \(tokens) }")
            #expect(try await setup.status(first) == 200)
            let second = try token("camera", "--rotate", tokens)
            try await setup.wait(second, 200)
            #expect(try await setup.status(first) == 200)
            let third = try token("camera", "--rotate", tokens)
            try await setup.wait(third, 200)
            try await setup.wait(first, 401)
            #expect(try await setup.status(second) == 200)

            let stream = try RawClient(port: setup.port)
            stream.send(
                "GET /v1/tenants/photos/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(third)\r\n\r\n")
            #expect(await stream.receive(seconds: 60) { $0.contains("retry: 3000") }.text.contains("200 OK"))
            let start = ContinuousClock.now
            #expect(try Command.run(["token", "camera", "--revoke", tokens]).code == 0)
            // The last chunk of the body; the heartbeat, which checks as well, comes after 15 s.
            #expect(await stream.receive(seconds: 60) { $0.contains("0\r\n\r\n") }.text.contains("0\r\n\r\n"))
            #expect(ContinuousClock.now - start < .seconds(14))
            #expect(try await setup.status(third) == 401)
            #expect(try await setup.status(other) == 200)
        }
    }

    /// A file that cannot be used revokes every token, though the rest of the configuration is broken as well, and a
    /// file that can be used again restores them.
    @Test(arguments: ["camera: {", "", "camera: { sha256: x }", "gone", "writable"])
    func unusableTokenFileRevokes(_ kind: String) async throws {
        try await withTemporaryFolder { folder in
            let tokens = folder + "/tokens.yaml"
            let secret = try token("camera", "--scope", "read", "--tenant", "photos", "--append", tokens)
            let good = try Data(contentsOf: URL(fileURLWithPath: tokens))
            let setup = try Setup(folder, api: "{ tokensFile: \(tokens) }")
            #expect(try await setup.status(secret) == 200)
            try Data("nonsense: true".utf8).write(to: URL(fileURLWithPath: folder + "/c.yaml"))
            switch kind {
            case "gone": try FileManager.default.removeItem(atPath: tokens)
            case "writable": #expect(chmod(tokens, 0o666) == 0)
            default: try Data(kind.utf8).write(to: URL(fileURLWithPath: tokens))
            }
            try await setup.wait(secret, 401)
            if !kind.isEmpty { #expect(setup.daemon.log.contains("every token is revoked")) }
            #expect(chmod(tokens, 0o600) == 0 || kind == "gone")
            try good.write(to: URL(fileURLWithPath: tokens), options: .atomic)
            #expect(chmod(tokens, 0o600) == 0)
            try await setup.wait(secret, 200)
        }
    }

    /// Beyond loopback the API's address has neither health nor metrics.
    @Test func healthIsBesideTheAPIOnlyOnLoopback() async throws {
        try await withTemporaryFolder { folder in
            let tokens = folder + "/tokens.yaml"
            _ = try token("camera", "--scope", "read", "--tenant", "photos", "--append", tokens)
            let setup = try Setup(folder, api: "{ tokensFile: \(tokens) }", listen: "0.0.0.0:0")
            let here = try await setup.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(here.hasPrefix("HTTP/1.1 404"))
            let admin = try #require(setup.daemon.log.firstMatch(of: #/"admin":"127\.0\.0\.1:([0-9]+)"/#)?.1)
            let client = try RawClient(port: try #require(Int(admin)))
            client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(await client.receive(seconds: 60) { $0.contains("\r\n\r\n") }.text.hasPrefix("HTTP/1.1 200"))
        }
    }

    /// A flood of refused acts, and of refused lines, fills neither the log of acts nor the log output, and is counted.
    @Test func refusedActsAreBounded() async throws {
        try await withTemporaryFolder { folder in
            let tokens = folder + "/tokens.yaml"
            let secret = try token("ci", "--scope", "operate", "--tenant", "photos", "--append", tokens)
            let setup = try Setup(folder, api: "{ tokensFile: \(tokens) }")
            for _ in 0..<70 {
                let answer = try await setup.ask(
                    "POST /v1/tenants/photos/tasks/none/cancel HTTP/1.1\r\nHost: localhost\r\n"
                        + "Authorization: Bearer \(secret)\r\nContent-Length: 0\r\n\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 404"))
            }
            let log = ["--log", "embedded://\(folder)/data", "--config", folder + "/c.yaml"]
            let acts = try await Command.result(["acts", "--caller", "ci", "--output", "json"] + log).objects
            // A slow machine may need more than a minute for the requests.
            #expect((60...69).contains(acts.count))
        }
    }

    @Test func refusedLinesOfABatchAreReported() async throws {
        try await withTemporaryFolder { folder in
            let tokens = folder + "/tokens.yaml"
            let secret = try token("ci", "--scope", "submit", "--tenant", "photos", "--append", tokens)
            let setup = try Setup(folder, api: "{ tokensFile: \(tokens), fileRoots: [src] }")
            let line = #"{"source":{"root":"other","path":"a"},"destination":"nowhere"}"# + "\n"
            for _ in 0..<10 {
                let body = line + line
                let client = try RawClient(port: setup.port)
                client.send(
                    "POST /v1/tasks:batch HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(secret)\r\n"
                        + "Content-Type: application/x-ndjson\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
                // The lines are answered once they are counted.
                let answer = await client.receive(seconds: 60) { $0.contains(#""line":2"#) }.text
                #expect(answer.hasPrefix("HTTP/1.1 200") && answer.contains(#""line":2"#), "\(answer)")
            }
            let metrics = try RawClient(port: setup.port)
            metrics.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            let text = await metrics.receive(seconds: 60) { $0.contains(#"file-source-off"} 20"#) }.text
            #expect(text.contains(#"backhaul_http_refusals_total{code="file-source-off"} 20"#), "\(text.suffix(2_000))")
            let lines = setup.daemon.log.split(separator: "\n").filter { $0.contains(#""refused""#) }
            #expect((1...10).contains(lines.count), "\(lines)")
            #expect(lines.allSatisfy { $0.contains(#""caller":"ci""#) && $0.contains(#""remote":"127.0.0.1""#) })
        }
    }

    /// A revocation counts also where the system does not tell of it: a link or a folder on the way to the file is
    /// replaced, or the file is written through another name.
    @Test(arguments: ["link", "folder", "other name"])
    func everyWayToReplaceTheTokenFileCounts(_ way: String) async throws {
        try await withTemporaryFolder { folder in
            let files = FileManager.default
            try files.createDirectory(atPath: folder + "/v1", withIntermediateDirectories: true)
            let first = folder + "/v1/tokens.yaml"
            let secret = try token("camera", "--scope", "read", "--tenant", "photos", "--append", first)
            try files.copyItem(atPath: folder + "/v1", toPath: folder + "/v2")
            #expect(try Command.run(["token", "camera", "--revoke", folder + "/v2/tokens.yaml"]).code == 0)
            let revoked = try Data(contentsOf: URL(fileURLWithPath: folder + "/v2/tokens.yaml"))
            try files.createSymbolicLink(atPath: folder + "/current", withDestinationPath: "v1")
            let file = way == "link" ? folder + "/current/tokens.yaml" : first
            let setup = try Setup(folder, api: "{ tokensFile: \(file) }")
            #expect(try await setup.status(secret) == 200)
            switch way {
            case "link":
                try files.createSymbolicLink(atPath: folder + "/next", withDestinationPath: "v2")
                #expect(rename(folder + "/next", folder + "/current") == 0)
            case "folder":
                #expect(rename(folder + "/v1", folder + "/old") == 0 && rename(folder + "/v2", folder + "/v1") == 0)
            default:
                try files.createDirectory(atPath: folder + "/elsewhere", withIntermediateDirectories: true)
                try files.linkItem(atPath: first, toPath: folder + "/elsewhere/name")
                try revoked.write(to: URL(fileURLWithPath: folder + "/elsewhere/name"))
            }
            try await setup.wait(secret, 401)
        }
    }

    /// A stream that began as one tenant's does not go on when the token is given to another.
    @Test func streamEndsWhenTheTokenGetsAnotherTenant() async throws {
        try await withTemporaryFolder { folder in
            let tokens = folder + "/tokens.yaml"
            let secret = try token("camera", "--scope", "read", "--tenant", "photos", "--append", tokens)
            let setup = try Setup(folder, api: "{ tokensFile: \(tokens) }")
            let stream = try RawClient(port: setup.port)
            stream.send(
                "GET /v1/tenants/photos/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(secret)\r\n\r\n")
            #expect(await stream.receive(seconds: 60) { $0.contains("retry: 3000") }.text.contains("200 OK"))
            let text = try String(contentsOfFile: tokens, encoding: .utf8)
            try text.replacing("photos", with: "videos").write(toFile: tokens, atomically: true, encoding: .utf8)
            #expect(chmod(tokens, 0o600) == 0)
            #expect(await stream.receive(seconds: 60) { $0.contains("0\r\n\r\n") }.text.contains("0\r\n\r\n"))
            #expect(try await setup.status(secret) == 403)
        }
    }

    /// Without authentication a page of another site can neither read nor write.
    @Test func webPagesAreKeptOut() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, api: "{ authentication: none, fileRoots: [src] }")
            #expect(setup.daemon.log.contains(#""authentication":"none, loopback only""#))
            let body = #"{"source":{"root":"src","path":"a"},"destination":"x"}"#
            func answer(_ host: String, _ fields: String) async throws -> String {
                let head = "POST /v1/tasks HTTP/1.1\r\nHost: \(host)\r\nContent-Length: \(body.utf8.count)\r\n"
                return try await setup.ask(head + fields + "\r\n" + body)
            }
            let json = "Content-Type: application/json\r\n"
            #expect(try await answer("localhost", json).contains("unknown-destination"))
            #expect(try await answer("localhost", "Content-Type: text/plain\r\n").contains("not-json"))
            #expect(try await answer("localhost", json + "Origin: http://x.example\r\n").contains("web-page"))
            #expect(try await answer("x.example", json).contains("wrong-host"))
            let read = try await setup.ask("GET /v1/tenants/t/usage HTTP/1.1\r\nHost: x.example\r\n\r\n")
            #expect(read.contains("wrong-host"))
            let metrics = try await setup.ask("GET /metrics HTTP/1.1\r\nHost: x.example\r\n\r\n")
            #expect(metrics.contains("wrong-host"))
            let health = try await setup.ask("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(health.contains("200 OK"))
        }
    }

    @Test func tokenFileIsChangedOnlyAsAsked() throws {
        let folder = NSTemporaryDirectory() + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let tokens = folder + "/t"
        let made = try token("a", "--scope", "read", "--tenant", "t", "--append", tokens)
        #expect(made.wholeMatch(of: #/bht_[0-9a-f]{64}/#) != nil)
        let expiry = try #require(
            String(contentsOfFile: tokens, encoding: .utf8).firstMatch(of: #/expires: "?([0-9TZ:.-]+)/#)?.1)
        let days =
            try #require(ISO8601DateFormatter().date(from: expiry.prefix(19) + "Z")).timeIntervalSinceNow / 86_400
        #expect((364...366).contains(days))
        #expect(try FileManager.default.attributesOfItem(atPath: tokens)[.posixPermissions] as? Int == 0o600)
        for (arguments, text) in [
            (["a", "--scope", "read", "--tenant", "t", "--append", tokens], "'a' exists already"),
            (["b", "--rotate", tokens], "there is no token 'b'"), (["b", "--revoke", tokens], "there is no token 'b'"),
            (["a", "--rotate", tokens, "--scope", "read"], "a rotated one keeps its own"),
            (["a", "--rotate", tokens, "--revoke", tokens], "give one of"),
            (["b", "--scope", "read", "--tenant", "t", "--expires", "soon"], "give a duration such as 90d"),
            (["b", "--scope", "read"], "give --tenant"), (["b", "--tenant", "t"], "at least one --scope"),
            (["a", "--revoke", folder + "/none"], "No such file"),
        ] {
            let before = try String(contentsOfFile: tokens, encoding: .utf8)
            let outcome = try Command.run(["token"] + arguments)
            #expect(outcome.code != 0 && outcome.errors.contains(text), "\(arguments): \(outcome)")
            #expect(outcome.output.isEmpty)
            #expect(try String(contentsOfFile: tokens, encoding: .utf8) == before)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["t"])
    }
}
