import BackhaulTestKit
import Foundation
import Synchronization
import Testing

/// What `submit` says about files, and how it ends.
@Suite("Submission", .serialized)
struct SubmitTests {
    private struct Setup {
        var folder: String
        var log: [String] { ["--log", "embedded://\(folder)/data", "--config", folder + "/c.yaml"] }

        /// - Parameter names: files to make.
        init(_ folder: String, _ url: String, _ names: [String]) throws {
            self.folder = folder
            try FileManager.default.createDirectory(atPath: folder + "/src", withIntermediateDirectories: true)
            for name in names { try Data(name.utf8).write(to: URL(fileURLWithPath: folder + "/src/" + name)) }
            let settings =
                "destinations: { web: { type: http, url: '\(url)' } }\nretry: { tiers: [100ms], maxAttempts: 1 }\n"
            try Data(settings.utf8).write(to: URL(fileURLWithPath: folder + "/c.yaml"))
        }

        func submit(_ more: String...) async throws -> Command.Outcome {
            try await Command.result(["submit", folder + "/src", "--to", "web", "--output", "json"] + more + log)
        }

        func daemon() throws -> Daemon { try Daemon(data: folder + "/data", config: folder + "/c.yaml", workers: 1) }
    }

    /// A switch that a server's answers depend on.
    private final class Flag: Sendable {
        private let value = Mutex(false)
        var isSet: Bool { value.withLock { $0 } }
        func set() { value.withLock { $0 = true } }
    }

    private func counts(_ outcome: Command.Outcome, _ names: String...) -> [Int] {
        let summary = outcome.objects.last ?? [:]
        return names.map { summary[$0] as? Int ?? -1 }
    }

    /// Known is not stored: what is said of a file is what has become of it, and what ended badly is submitted again.
    @Test func knownFilesAreToldApart() async throws {
        try await withTemporaryFolder { folder in
            let isWell = Flag()
            let server = try StubServer { request in
                request.target.hasSuffix("bad") && !isWell.isSet ? .status(422) : .store()
            }
            defer { server.close() }
            let setup = try Setup(folder, server.url, ["good", "bad"])
            let first = try await setup.submit()
            #expect(first.code == 0 && counts(first, "accepted", "known") == [2, 0], "\(first)")
            let waiting = try await setup.submit("--verbose")
            #expect(counts(waiting, "accepted", "known", "underWay") == [0, 2, 2], "\(waiting)")
            #expect(waiting.objects.dropLast().map { $0["status"] as? String } == ["under way", "under way"])
            let daemon = try setup.daemon()
            let ended = try await setup.submit("--wait", "--known", "skip")
            #expect(ended.code == 1, "\(ended)")

            let skipped = try await setup.submit("--known", "skip", "--verbose")
            let times = skipped.objects.dropLast().map { "\($0["status"] ?? "") \($0["storedAt"] != nil)" }
            #expect(Set(times) == ["stored true", "failed false"], "\(skipped)")
            #expect(counts(skipped, "accepted", "known", "stored", "failed") == [0, 2, 1, 1], "\(skipped)")
            #expect(skipped.code == 0)
            let refused = try await setup.submit("--known", "fail")
            #expect(counts(refused, "accepted", "stored", "failed", "rejectedCount") == [0, 1, 1, 1], "\(refused)")
            #expect(refused.code == 1 && refused.errors.isEmpty == false)

            isWell.set()
            let retried = try await setup.submit("--batch", "again", "--wait")
            #expect(counts(retried, "accepted", "again", "stored") == [1, 1, 1] && retried.code == 0, "\(retried)")
            #expect(server.objects.keys.contains { $0.hasSuffix("bad") })
            let status = try await Command.result(["status", "--batch", "again", "--output", "json"] + setup.log)
            #expect(status.objects.first?["succeeded"] as? Int == 1, "\(status)")
            let sent = server.requests.count
            let all = try await setup.submit("--again", "--wait")
            #expect(counts(all, "accepted", "again", "known") == [2, 2, 0] && all.code == 0, "\(all)")
            #expect(server.requests.count == sent + 2)
            let audit = try await Command.result(["audit"] + setup.log)
            #expect(audit.code == 0, "\(audit)")
            #expect(daemon.terminate() == 0)
        }
    }

    /// A task whose object an audit finds gone or damaged counts as failed, and the next submission uploads its file.
    @Test func whatAnAuditFindsLostIsSentAgain() async throws {
        try await withTemporaryFolder { folder in
            let server = try StubServer { $0.method == "PUT" ? .store() : .fetch }
            defer { server.close() }
            let setup = try Setup(folder, server.url, ["a", "b", "c"])
            let daemon = try setup.daemon()
            let first = try await setup.submit("--wait")
            #expect(first.code == 0, "\(first)")
            server.remove("a")
            server.flip("b")
            let audit = try await Command.result(["audit", "--verify", "--output", "json"] + setup.log)
            let report = audit.objects.first ?? [:]
            #expect(audit.code == 3 && report["verdict"] as? String == "loss", "\(audit)")
            #expect((report["gone"] as? [Any])?.count == 1 && (report["corrupted"] as? [Any])?.count == 1)
            let status = try await Command.result(["status", "--output", "json"] + setup.log).objects.first
            #expect(status?["succeeded"] as? Int == 1 && status?["failed"] as? Int == 2, "\(status ?? [:])")
            let again = try await setup.submit("--wait")
            #expect(counts(again, "accepted", "again", "stored") == [2, 2, 1] && again.code == 0, "\(again)")
            let proof = try await Command.result(["audit", "--verify"] + setup.log)
            #expect(proof.code == 0 && proof.output.contains("objects read back and right: 3"), "\(proof)")
            server.close()
            let dead = try await Command.result(["audit", "--verify"] + setup.log)
            #expect(dead.code == 75 && dead.output.contains("UNREACHABLE"), "\(dead)")
            let stays = try await Command.result(["status", "--output", "json"] + setup.log).objects.first
            #expect(stays?["succeeded"] as? Int == 3, "an unreachable object is not lost")
            #expect(daemon.terminate() == 0)
        }
    }

    /// A file whose key another file has at the destination is named when it is submitted, not when it is missed.
    @Test func sharedKeyIsSaid() async throws {
        try await withTemporaryFolder { folder in
            let server = try StubServer { $0.method == "PUT" ? .store() : .fetch }
            defer { server.close() }
            let setup = try Setup(folder, server.url, ["a", "b"])
            let first = try await setup.submit()
            #expect(first.code == 0 && !first.errors.contains("another file has"), "\(first)")
            try FileManager.default.createDirectory(atPath: folder + "/cam2", withIntermediateDirectories: true)
            for name in ["a", "c"] {
                try Data("other \(name)".utf8).write(to: URL(fileURLWithPath: folder + "/cam2/" + name))
            }
            let second = try await Command.result(
                ["submit", folder + "/cam2", "--to", "web", "--batch", "two"] + setup.log)
            #expect(second.code == 0, "\(second)")
            #expect(second.errors.contains("1 file has a key that another file has"), "\(second)")
            #expect(second.errors.contains("  a: also a of batch"), "\(second)")
            // Another name, and another version of the same file, do not conflict.
            let apart = try await Command.result(
                ["submit", folder + "/cam2", "--to", "web", "--prefix", "cam2"] + setup.log)
            #expect(!apart.errors.contains("another file has"), "\(apart)")
        }
    }

    /// What was named and not submitted makes the exit code 1, and is said.
    @Test func whatIsLeftOutFailsTheCommand() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, "http://127.0.0.1:9/", ["a"])
            for (paths, text) in [
                ([folder + "/none"], "missing"), ([folder + "/src/*.jpg"], "no-match"),
                ([folder + "/src", folder + "/none"], "missing"),
            ] {
                let outcome = try await Command.result(["submit"] + paths + ["--to", "web"] + setup.log)
                #expect(outcome.code == 1 && outcome.errors.contains(text), "\(outcome)")
            }
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/src/\u{1b}[2J\nb"))
            let outcome = try await Command.result(["submit", folder + "/src", "--to", "web"] + setup.log)
            #expect(outcome.code == 1 && outcome.errors.contains(#"\x1b[2J\nb"#), "\(outcome)")
            #expect(!outcome.errors.contains("\u{1b}"))
            for (arguments, text) in [
                (["--prefix", "../x"], "key"), (["--prefix", "a//b"], "key"), (["--timeout", "5s"], "needs --wait"),
                (["--wait", "--timeout", "soon"], "give a duration"), (["--known", "maybe"], "skip"),
            ] {
                let outcome = try await Command.result(
                    ["submit", folder + "/src", "--to", "web"] + arguments + setup.log)
                #expect(outcome.code == 2 && outcome.errors.contains(text), "\(arguments): \(outcome)")
            }
        }
    }

    /// A typo does not look like "there is nothing".
    @Test func unknownNamesAreRefused() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, "http://127.0.0.1:9/", ["a"])
            #expect(try await setup.submit("--batch", "holidays").code == 0)
            for (arguments, text) in [
                (["status", "--batch", "holiday"], "did you mean 'holidays'"),
                (["results", "--batch", "holiday"], "did you mean 'holidays'"),
                (["dead-letters", "list", "--batch", "holiday"], "did you mean 'holidays'"),
                (["replay", "--batch", "holiday"], "did you mean 'holidays'"),
                (["results", "--status", "sucess"], "one of succeeded, failed"),
                (["dead-letters", "list", "--failure", "nonsense"], "source-gone"),
                (["replay", "--failure", "permanant"], "did you mean 'permanent'"),
                (["submit", folder + "/src", "--to", "wbe"], "did you mean 'web'"),
            ] {
                let outcome = try await Command.result(arguments + setup.log)
                #expect(outcome.code == 2 && outcome.errors.contains(text), "\(arguments): \(outcome)")
            }
            for command in [["status"], ["results"], ["dead-letters", "list"], ["replay"]] {
                let outcome = try await Command.result(command + ["--batch", "holidays"] + setup.log)
                #expect(outcome.code == 0, "\(command): \(outcome)")
            }
        }
    }

    /// Each run has a batch of its own, and says it before it submits.
    @Test func batchIsNamedFirst() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, "http://127.0.0.1:9/", ["a"])
            var names: Set<String> = []
            for _ in 0..<3 {
                let outcome = try await Command.result(["submit", folder + "/none", "--to", "web"] + setup.log)
                let name = try #require(outcome.errors.firstMatch(of: #/^backhaul: batch (batch-\S+)\n/#)?.1)
                names.insert(String(name))
            }
            #expect(names.count == 3)
        }
    }

    /// Nobody uploads: the command says so, stops in time, and its hint names the log that was given.
    @Test func waitingEndsInTime() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, "http://127.0.0.1:9/", ["a"])
            let outcome = try await setup.submit("--wait", "--timeout", "1s")
            #expect(outcome.code == 75 && outcome.errors.contains("no daemon runs"), "\(outcome)")
            #expect(outcome.errors.contains("status --log embedded://\(folder)/data --config \(folder)/c.yaml --batch"))
        }
    }

    /// A daemon that dies under the command is said, and so is the one that takes its place and uploads.
    @Test func waitingSurvivesTheDaemon() async throws {
        try await withTemporaryFolder { folder in
            let server = try StubServer { request in request.earlier == 0 ? .stall(600) : .store() }
            defer { server.close() }
            let setup = try Setup(folder, server.url, ["a"])
            let daemon = try setup.daemon()
            let process = try Command.process(["submit", folder + "/src", "--to", "web", "--wait"] + setup.log)
            let errors = folder + "/errors"
            try Data().write(to: URL(fileURLWithPath: errors))
            process.standardError = FileHandle(forWritingAtPath: errors)
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            func wait(_ what: String, _ isDone: () -> Bool) async throws {
                let end = ContinuousClock.now + .seconds(60)
                while !isDone() {
                    try #require(ContinuousClock.now < end, "\(what) did not happen")
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            func said(_ text: String) -> Bool {
                (try? String(contentsOfFile: errors, encoding: .utf8))?.contains(text) == true
            }
            try await wait("an upload") { !server.requests.isEmpty }
            daemon.kill()
            try await wait("word of the daemon's end") { said("has ended") }
            let next = try setup.daemon()
            try await wait("word of the next daemon") { said("runs on this log again") }
            try await wait("the end") { !process.isRunning }
            #expect(process.terminationStatus == 0)
            #expect(next.terminate() == 0)
        }
    }

    /// A process that is stopped in the middle of a commit is named to who waits for it.
    @Test func stoppedWriterIsNamed() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, "http://127.0.0.1:9/", ["a"])
            #expect(try await setup.submit().code == 0)
            let holder = ChildProcess()
            holder.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
            holder.arguments = [
                "-c",
                """
                import os, signal, sqlite3, sys
                database = sqlite3.connect(sys.argv[1], isolation_level=None)
                database.execute("BEGIN IMMEDIATE")
                print("locked", flush=True)
                os.kill(os.getpid(), signal.SIGSTOP)
                """, folder + "/data/log.sqlite",
            ]
            let pipe = Pipe()
            holder.standardOutput = pipe
            try holder.run()
            defer { kill(holder.processIdentifier, SIGKILL) }
            #expect(pipe.fileHandleForReading.readData(ofLength: 6) == Data("locked".utf8))
            let name = "process \(holder.processIdentifier) (python3"
            let process = try Command.process(["submit", folder + "/src", "--to", "web"] + setup.log)
            let errors = folder + "/errors"
            try Data().write(to: URL(fileURLWithPath: errors))
            process.standardError = FileHandle(forWritingAtPath: errors)
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            let end = ContinuousClock.now + .seconds(60)
            while try !String(contentsOfFile: errors, encoding: .utf8).contains(name), process.isRunning {
                try #require(ContinuousClock.now < end, "the holder was not named")
                try await Task.sleep(for: .milliseconds(20))
            }
            kill(holder.processIdentifier, SIGKILL)
            while process.isRunning { try await Task.sleep(for: .milliseconds(20)) }
            let said = try String(contentsOfFile: errors, encoding: .utf8)
            #expect(process.terminationStatus == 0 && said.contains(name), "\(said)")
        }
    }

    /// Output that cannot be written is an error.
    @Test func fullOutputFails() throws {
        let outcome = try Command.run(["config", "reference"], output: "/dev/full")
        #expect(outcome.code == 1 && outcome.errors.contains("the output cannot be written"), "\(outcome)")
    }

    /// With `--api` the log is not opened, and the answers are those of the log's own view.
    @Test func commandsAskAnAPI() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: folder + "/src", withIntermediateDirectories: true)
            try FileManager.default.createDirectory(atPath: folder + "/disk", withIntermediateDirectories: true)
            for number in 0..<3 {
                try Data("\(number)".utf8).write(to: URL(fileURLWithPath: folder + "/src/f\(number)"))
            }
            let config = folder + "/c.yaml"
            try Data(
                "api: { authentication: none }\ndestinations: { disk: { type: folder, path: '\(folder)/disk' } }".utf8
            ).write(to: URL(fileURLWithPath: config))
            let daemon = try Daemon(data: folder + "/data", config: config, workers: 1)
            let log = ["--log", "embedded://\(folder)/data", "--config", config]
            let done = try await Command.result(
                ["submit", folder + "/src", "--to", "disk", "--batch", "trip", "--wait"] + log)
            #expect(done.code == 0, "\(done)")
            let port = try #require(daemon.log.firstMatch(of: #/"listen":"127.0.0.1:(\d+)"/#)?.1)
            let api = ["--api", "http://127.0.0.1:\(port)/", "--config", config]
            for question in [
                ["status", "--output", "json"], ["status", "--batch", "trip", "--output", "json"],
                ["tasks", "list", "--output", "json"], ["tasks", "show", "f1", "--output", "json"],
                ["cancel", "--all", "--output", "json"], ["retry", "--now", "--all", "--output", "json"],
                ["status", "--batch", "trap"], ["tasks", "list", "--batch", "trap"], ["tasks", "show", "none"],
            ] {
                let (here, there) = (
                    try await Command.result(question + log), try await Command.result(question + api)
                )
                #expect(here.code == there.code && here.output == there.output, "\(question): \(here) \(there)")
                #expect(here.code == 0 || here.errors == there.errors, "\(question): \(here) \(there)")
            }
            let watched = try await Command.result(["watch", "--for", "1s"] + api)
            #expect(watched.code == 0 && watched.output.contains("3 tasks: 3 stored"), "\(watched)")
            #expect(daemon.terminate() == 0)
            let away = try await Command.result(["status"] + api)
            #expect(away.code == 75 && away.errors.contains("does not answer"), "\(away)")
            let wrong = try await Command.result(["status", "--api", "ack:8480"] + log)
            #expect(wrong.code == 2 && wrong.errors.contains("--api ack:8480"), "\(wrong)")
        }
    }

    /// Each command reads the secrets that it needs, and no others.
    @Test func secretsOfOthersAreNotRead() async throws {
        try await withTemporaryFolder { folder in
            let config = folder + "/c.yaml"
            let settings = """
                destinations: { web: { type: http, url: 'http://127.0.0.1:9/', bearerTokenFile: \(folder)/none,
                  clientCertificateFile: \(folder)/none, clientKeyFile: \(folder)/none, username: '' } }
                api: { tokensFile: \(folder)/none }
                kafka: { username: u, passwordFile: \(folder)/none }
                """
            try Data(settings.utf8).write(to: URL(fileURLWithPath: config))
            try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/file"))
            let log = ["--log", "embedded://\(folder)/data", "--config", config]
            for command in [
                ["submit", folder + "/file", "--to", "web"], ["status"], ["tasks", "list"], ["results"],
                ["cancel", "--all"], ["audit"], ["acts"], ["dead-letters", "list"],
            ] {
                let outcome = try await Command.result(command + log)
                #expect(!outcome.errors.contains("/none"), "\(command): \(outcome)")
                #expect([0, 1].contains(outcome.code), "\(command): \(outcome)")
            }
            for command in [
                ["upload", folder + "/file", "--to", "web"], ["audit", "--verify"],
            ] {
                let outcome = try await Command.result(command + log)
                #expect(outcome.code == 2 && outcome.errors.contains("/none"), "\(command): \(outcome)")
            }
            let check = try await Command.result(["config", "check", "--config", config])
            #expect(check.code == 2 && check.errors.contains("/none"), "\(check)")
        }
    }
}
