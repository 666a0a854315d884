import BackhaulTestKit
import Foundation
import Synchronization
import Testing

@Suite("Main job", .serialized)
struct MainJobTests {
    @Test func proxiesOfTheEnvironmentAreNotUsed() async throws {
        try await withTemporaryFolder { folder in
            let proxy = try StubServer { _ -> StubAnswer in .status(502) }
            let server = try StubServer { _ -> StubAnswer in .store() }
            defer {
                proxy.close()
                server.close()
            }
            let netrc = folder + "/.netrc"
            try Data("machine 127.0.0.1 login u password canary\n".utf8).write(to: URL(fileURLWithPath: netrc))
            #expect(chmod(netrc, 0o600) == 0)
            let environment = [
                "http_proxy": proxy.url, "all_proxy": proxy.url, "no_proxy": "", "HOME": folder, "NETRC": netrc,
            ]
            let daemon = try Daemon(data: folder + "/data", environment: environment)
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/file"))
            let outcome = try await Command.result([
                "submit", folder + "/file", "--to", server.url, "--wait", "--log", "embedded://\(folder)/data",
            ])
            #expect(outcome.code == 0 && server.objects.count == 1 && proxy.connectionCount == 0, "\(outcome)")
            #expect(server.requests.allSatisfy { $0.headers["authorization"] == nil })
            #expect(daemon.terminate() == 0)
        }
    }

    private func makeFiles(_ folder: String, _ count: Int, size: Int = 1_000) throws {
        for number in 0..<count {
            let path = folder + "/d\(number % 7)/file \(number).bin"
            let url = URL(fileURLWithPath: path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) }).write(to: url)
        }
    }

    private func write(_ text: String, _ path: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func status(_ log: String, _ batch: String) throws -> [String: Int] {
        let answer = try Command.run(["status", "--batch", batch, "--log", log, "--output", "json"])
        return (answer.objects.first ?? [:]).compactMapValues { $0 as? Int }
    }

    private func waitFor(_ log: String, _ batch: String, _ isDone: ([String: Int]) -> Bool) throws {
        let deadline = Date() + 90
        while true {
            let now = try status(log, batch)
            if isDone(now) { return }
            guard Date() < deadline else { throw Command.Missing(description: "not done in time: \(now)") }
            Thread.sleep(forTimeInterval: 0.1)
        }
    }

    /// Runs the documented commands and checks the keys that the documentation promises.
    @Test func documentedCommandsPrintPromisedKeys() async throws {
        let isHealed = Mutex(false)
        let server = try StubServer { request in
            guard request.method == "PUT" else { return .fetch }
            return request.target.contains("d3") && !isHealed.withLock { $0 } ? .status(500) : .store()
        }
        defer { server.close() }
        try await withTemporaryFolder { folder in
            let data = folder + "/data"
            let log = "embedded://" + data
            try makeFiles(folder + "/src", 70)
            let config = try write("retry: {tiers: [100ms, 200ms], maxAttempts: 3}\n", folder + "/c.yaml")
            let daemon = try Daemon(data: data, config: config)
            let submit = [
                "submit", folder + "/src", "--to", server.url + "base/", "--tenant", "t1", "--batch", "b1", "--log",
                log,
                "--output", "json",
            ]
            let first = try Command.run(submit)
            #expect(first.code == 0, "\(first)")
            let accepted = try #require(first.objects.first)
            #expect(
                accepted["batch"] as? String == "b1" && accepted["accepted"] as? Int == 70
                    && accepted["known"] as? Int == 0)
            #expect(accepted["bytes"] as? Int == 70_000 && (accepted["rejected"] as? [Any])?.isEmpty == true)
            let second = try #require(try Command.run(submit + ["--known", "skip"]).objects.first)
            #expect(second["accepted"] as? Int == 0 && second["known"] as? Int == 70)

            try waitFor(log, "b1") { $0["succeeded"] == 60 && $0["failed"] == 10 }
            let counts = try status(log, "b1")
            #expect(
                Set(counts.keys) == [
                    "accepted", "waiting", "running", "retrying", "succeeded", "failed", "cancelled", "expired",
                    "viewLag",
                ])
            #expect(counts["accepted"] == 70)
            #expect(server.objects["base/d1/file%201.bin"]?.count == 1_000, "the key is the path below the folder")

            let results = try Command.run(["results", "--batch", "b1", "--log", log, "--output", "json"])
            #expect(results.objects.count == 70)
            for key in [
                "taskId", "generation", "tenant", "batch", "status", "attempts", "bytes", "sha256", "verification",
                "destination", "finishedAt",
            ] { #expect(results.objects.allSatisfy { $0[key] != nil }, "\(key)") }
            try Schema.validate(results.output, against: "result.v1", folder)
            let letters = try Command.run(["dead-letters", "list", "--log", log, "--output", "json"])
            #expect(letters.objects.count == 10)
            #expect(letters.objects.allSatisfy { $0["attempts"] as? Int == 3 && $0["httpStatus"] as? Int == 500 })
            #expect(
                letters.objects.allSatisfy {
                    ($0["history"] as? [Any])?.count == 3 && $0["failure"] != nil && $0["generation"] as? Int == 0
                })

            isHealed.withLock { $0 = true }
            let dry = try #require(
                try Command.run(["replay", "--batch", "b1", "--log", log, "--output", "json"]).objects.first)
            #expect(dry["selected"] as? Int == 10 && dry["replayed"] as? Int == 0 && dry["dryRun"] as? Bool == true)
            let replay = try Command.run(["replay", "--batch", "b1", "--yes", "--log", log, "--output", "json"])
            #expect(replay.code == 0 && replay.objects.first?["replayed"] as? Int == 10)
            try waitFor(log, "b1") { $0["succeeded"] == 70 }
            let nothing = try Command.run(["replay", "--batch", "b1", "--yes", "--log", log, "--output", "json"])
            #expect(nothing.code == 0 && nothing.objects.first?["replayed"] as? Int == 0)

            let audit = try Command.run(["audit", "--verify", "--log", log, "--output", "json"])
            #expect(audit.code == 0)
            let report = try #require(audit.objects.first)
            #expect(
                report["accepted"] as? Int == 80 && report["results"] as? Int == 80 && report["verified"] as? Int == 70)
            for key in ["missing", "duplicated", "unfinished"] { #expect((report[key] as? [Any])?.isEmpty == true) }
            #expect(report["malformed"] as? Int == 0)
            server.flip("base/d1/file%201.bin")
            let found = try Command.run(["audit", "--verify", "--log", log, "--output", "json"])
            #expect(found.code == 3 && (found.objects.first?["corrupted"] as? [Any])?.count == 1)
            #expect(daemon.terminate() == 0)
            #expect(daemon.log.contains("\"event\":\"stopped\""))
        }
    }

    /// With `kill -9` at random moments, each task has one result, every object is intact, and no more uploads are
    /// repeated than were in flight.
    @Test func killsLoseAndDuplicateNoResult() async throws {
        let server = try StubServer { $0.method == "PUT" ? .slow(0.002) : .fetch }
        defer { server.close() }
        try await withTemporaryFolder { folder in
            let data = folder + "/data"
            let log = "embedded://" + data
            try makeFiles(folder + "/src", 1_500, size: 3_000)
            let config = try write("limits: {uploads: 8}\nlogging: {level: error}\n", folder + "/c.yaml")
            var daemon = try Daemon(data: data, config: config)
            let submit = try Command.process([
                "submit", folder + "/src", "--to", server.url, "--batch", "b", "--log", log, "--output", "json",
            ])
            submit.standardOutput = FileHandle.nullDevice
            try submit.run()
            var kills = 0
            for _ in 0..<5 {
                try await Task.sleep(for: .milliseconds(.random(in: 100...600)))
                daemon.kill()
                kills += 1
                daemon = try Daemon(data: data, config: config)
            }
            submit.waitUntilExit()
            #expect(submit.terminationStatus == 0, "submit finishes regardless of the daemon")
            try waitFor(log, "b") { $0["succeeded"] == 1_500 }
            let audit = try Command.run(["audit", "--verify", "--log", log, "--output", "json"])
            #expect(audit.code == 0, "\(audit.output)")
            #expect(
                audit.objects.first?["results"] as? Int == 1_500 && audit.objects.first?["verified"] as? Int == 1_500)
            let puts = server.requests.filter { $0.method == "PUT" }.count
            #expect(
                puts <= 1_500 + kills * 32,
                "\(puts) uploads for 1500 files and \(kills) kills with at most 32 in flight or undecided")
            #expect(daemon.terminate() == 0)
        }
    }

    @Test func submitWorksWithoutDaemon() async throws {
        let server = try StubServer { _ in .store() }
        defer { server.close() }
        try await withTemporaryFolder { folder in
            let log = "embedded://" + folder + "/data"
            try makeFiles(folder + "/src", 20)
            // A list from standard input, as find prints it.
            let list = (0..<20).map { "d\($0 % 7)/file \($0).bin" }.joined(separator: "\0") + "\0missing\0"
            let submit = try Command.run(
                [
                    "submit", "--from-stdin", "--null", "--to", server.url, "--batch", "b", "--log", log, "--output",
                    "json",
                ],
                folder: folder + "/src", input: Data(list.utf8))
            #expect(submit.code == 1 && submit.objects.first?["accepted"] as? Int == 20, "\(submit)")
            #expect(submit.objects.first?["rejectedCount"] as? Int == 1)
            #expect(try status(log, "b")["waiting"] == 20)
            let daemon = try Daemon(data: folder + "/data")
            let wait = try Command.run(
                [
                    "submit", folder + "/src", "--to", server.url, "--batch", "other", "--log", log, "--output", "json",
                    "--wait",
                ])
            #expect(wait.code == 0 && wait.objects.first?["known"] as? Int == 20)
            #expect(server.objects.count == 20)
            #expect(daemon.terminate() == 0)
        }
    }

    /// A real server: nginx with its dav module, which `make test` installs.
    @Test func nginxReceivesByteIdenticalFiles() async throws {
        let nginx = "/usr/sbin/nginx"
        guard FileManager.default.isExecutableFile(atPath: nginx) else {
            Issue.record("nginx is missing; run Tests/Tools/setup/debian.sh test")
            return
        }
        try await withTemporaryFolder { folder in
            for name in ["www", "tmp", "src"] {
                try FileManager.default.createDirectory(atPath: folder + "/" + name, withIntermediateDirectories: true)
            }
            chmod(folder, 0o755)
            for name in ["www", "tmp"] { chmod(folder + "/" + name, 0o777) }
            // A port that was free a moment ago.
            let probe = try StubServer { _ in .store() }
            let port = probe.port
            probe.close()
            let config = try write(
                """
                daemon off; worker_processes 1; pid \(folder)/pid; error_log \(folder)/error.log;
                events { worker_connections 256; }
                http {
                  access_log off; client_body_temp_path \(folder)/tmp;
                  server { listen 127.0.0.1:\(port); root \(folder)/www; client_max_body_size 0;
                    location / { dav_methods PUT; create_full_put_path on; } }
                }
                """, folder + "/nginx.conf")
            let server = ChildProcess()
            server.executableURL = URL(fileURLWithPath: nginx)
            server.arguments = ["-c", config]
            server.standardError = FileHandle.nullDevice
            try server.run()
            defer {
                server.terminate()
                server.waitUntilExit()
            }
            try makeFiles(folder + "/src", 300, size: 10_240)
            try Data(count: 0).write(to: URL(fileURLWithPath: folder + "/src/empty"))
            try Data((0..<12_000_000).map { UInt8(truncatingIfNeeded: $0 >> 3) }).write(
                to: URL(fileURLWithPath: folder + "/src/grö ße?#%41.bin"))
            let log = "embedded://" + folder + "/data"
            let daemon = try Daemon(data: folder + "/data")
            let submit = try Command.run(
                [
                    "submit", folder + "/src", "--to", "http://127.0.0.1:\(port)/base/", "--log", log, "--wait",
                    "--output", "json",
                ])
            #expect(submit.code == 0, "\(submit)")
            let diff = ChildProcess()
            diff.executableURL = URL(fileURLWithPath: "/usr/bin/diff")
            diff.arguments = ["-r", folder + "/src", folder + "/www/base"]
            try diff.run()
            diff.waitUntilExit()
            #expect(diff.terminationStatus == 0)
            #expect(daemon.terminate() == 0)
        }
    }
}
