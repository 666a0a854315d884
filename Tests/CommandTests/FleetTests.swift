import BackhaulTestKit
import Foundation
import Testing

private let fleetBrokers = ProcessInfo.processInfo.environment["BACKHAUL_TEST_KAFKA"].flatMap { $0.isEmpty ? nil : $0 }

/// Commands beside a fleet on a real cluster: `BACKHAUL_TEST_KAFKA=host:port` (CONTRIBUTING.md says how to get one).
@Suite(
    "A fleet's commands", .serialized,
    .enabled(if: fleetBrokers != nil, "set BACKHAUL_TEST_KAFKA=host:port for a real cluster"))
struct FleetTests {
    /// A role that runs as a process of its own.
    private final class Role {
        let process: ChildProcess
        private let errorPath: String

        init(_ arguments: [String], environment: [String: String]) async throws {
            errorPath = NSTemporaryDirectory() + "backhaul-role-" + UUID().uuidString
            try Data().write(to: URL(fileURLWithPath: errorPath))
            process = try Command.process(arguments, environment: environment)
            process.standardError = FileHandle(forWritingAtPath: errorPath)
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            let end = ContinuousClock.now + .seconds(120)
            while !log.contains("\"event\":\"ready\"") {
                guard process.isRunning, ContinuousClock.now < end else {
                    throw Command.Missing(description: "the role did not become ready: \(log)")
                }
                try await Task.sleep(for: .milliseconds(20))
            }
        }

        var log: String { (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "" }

        func end(_ signal: Int32) {
            kill(process.processIdentifier, signal)
            process.waitUntilExit()
        }

        deinit {
            if process.isRunning { end(SIGKILL) }
            try? FileManager.default.removeItem(atPath: errorPath)
        }
    }

    private struct Fleet {
        var folder: String
        var config: String { folder + "/c.yaml" }

        init(_ folder: String) throws {
            self.folder = folder
            let brokers = fleetBrokers?.split(separator: ",").first.map(String.init) ?? ""
            for name in ["src", "disk"] {
                try FileManager.default.createDirectory(
                    atPath: folder + "/" + name, withIntermediateDirectories: true)
            }
            for number in 0..<30 {
                try Data("\(number)".utf8).write(to: URL(fileURLWithPath: folder + "/src/f\(number)"))
            }
            let replication = brokers == fleetBrokers ? 1 : 3
            try write(
                "c.yaml",
                """
                topics: { prefix: "fleet-\(UUID().uuidString.prefix(8))-", partitions: 4, replication: \(replication) }
                log: { url: "kafka://\(fleetBrokers ?? "")/" }
                sources: { roots: { src: '\(folder)/src' } }
                destinations: { disk: { type: folder, path: '\(folder)/disk' },
                  gone: { type: folder, path: '\(folder)/gone' } }
                retry: { tiers: [1h], maxAttempts: 5 }
                api: { authentication: none }
                """)
        }

        func write(_ name: String, _ text: String) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
        }

        var environment: [String: String] { ["BACKHAUL_CONFIG": config, "XDG_CACHE_HOME": folder + "/cache"] }

        func run(_ arguments: String..., more: [String: String] = [:]) async throws -> Command.Outcome {
            let environment = environment.merging(more) { $1 }
            return try await withCheckedThrowingContinuation { continuation in
                Thread.detachNewThread {
                    continuation.resume(with: Result { try Command.run(arguments, environment: environment) })
                }
            }
        }

        func role(_ arguments: String..., more: [String: String] = [:]) async throws -> Role {
            try await Role(
                arguments + ["--listen", "127.0.0.1:0"], environment: environment.merging(more) { $1 })
        }

        func submit(_ destination: String = "disk") async throws -> Command.Outcome {
            try await run("submit", folder + "/src", "--to", destination, "--wait", "--timeout", "60s")
        }
    }

    /// Known is not stored on Kafka either, whichever acknowledgers live, die or refuse.
    @Test func repeatedSubmissionIsKnown() async throws {
        try await withTemporaryFolder { folder in
            let fleet = try Fleet(folder)
            let applied = try await fleet.run("topics", "apply", "--yes")
            #expect(applied.code == 0, "\(applied)")
            let worker = try await fleet.role("worker")
            let first = try await fleet.role("acknowledger", "--data", folder + "/a")
            let fresh = try await fleet.submit()
            #expect(fresh.code == 0 && fresh.output.contains("30 accepted"), "\(fresh)")
            let known = try await fleet.submit()
            #expect(known.code == 0 && known.output.contains("0 accepted"), "\(known)")
            #expect(known.output.contains("30 known already"), "\(known)")
            let status = try await fleet.run("status", "--output", "json")
            #expect(status.objects.first?["succeeded"] as? Int == 30, "\(status)")
            #expect(!status.errors.contains("reading the whole log"), "\(status)")

            // The newest address is that of a process that was killed, then of one that refuses everybody.
            let second = try await fleet.role("acknowledger", "--data", folder + "/b")
            try await Task.sleep(for: .seconds(2))
            second.end(SIGKILL)
            let beside = try await fleet.submit()
            #expect(beside.code == 0 && beside.output.contains("0 accepted"), "\(beside)")
            let token = try await fleet.run(
                "token", "cam", "--scope", "read", "--tenant", "t", "--append", folder + "/tokens")
            #expect(token.code == 0, "\(token)")
            let strict = ["BACKHAUL_API_AUTHENTICATION": "required", "BACKHAUL_API_TOKENS_FILE": folder + "/tokens"]
            let third = try await fleet.role("acknowledger", "--data", folder + "/c", more: strict)
            try await Task.sleep(for: .seconds(2))
            let refused = try await fleet.submit()
            #expect(refused.code == 0 && refused.output.contains("0 accepted"), "\(refused)")

            // Only the one that refuses is left: nobody has asked for it, so the files are accepted, and it is said.
            first.end(SIGTERM)
            let alone = try await fleet.submit()
            #expect(alone.code == 0 && alone.output.contains("30 accepted"), "\(alone)")
            #expect(alone.errors.contains("refuses the caller"), "\(alone)")
            #expect(alone.errors.contains("no acknowledger's API answers"), "\(alone)")
            let wrong = try await fleet.run(
                "submit", folder + "/src", "--to", "disk", more: ["BACKHAUL_API_VIEW_TOKEN_FILE": folder + "/c.yaml"])
            #expect(wrong.code == 2, "\(wrong)")
            third.end(SIGTERM)
            let whole = try await fleet.run("status", "--output", "json")
            #expect(whole.code == 0 && whole.errors.contains("reading the whole log"), "\(whole)")
            #expect(whole.objects.first?["succeeded"] as? Int == 30, "\(whole)")
            let audit = try await fleet.run("audit", "--output", "json")
            #expect(audit.code == 0, "\(audit)")
            worker.end(SIGTERM)
        }
    }

    /// What is cancelled, hurried and waited for beside an acknowledger whose view is a moment behind.
    @Test func unfinishedTasksAreHurriedAndCancelled() async throws {
        try await withTemporaryFolder { folder in
            let fleet = try Fleet(folder)
            #expect(try await fleet.run("topics", "apply", "--yes").code == 0)
            let worker = try await fleet.role("worker")
            let acknowledger = try await fleet.role("acknowledger", "--data", folder + "/a")
            async let waiting = fleet.submit("gone")
            let end = ContinuousClock.now + .seconds(60)
            while try await fleet.run("status", "--output", "json").objects.first?["retrying"] as? Int != 30 {
                try #require(ContinuousClock.now < end)
                try await Task.sleep(for: .milliseconds(100))
            }
            try FileManager.default.createDirectory(atPath: folder + "/gone", withIntermediateDirectories: true)
            let hurried = try await fleet.run("retry", "--now", "--destination", "gone", "--yes")
            #expect(hurried.code == 0 && hurried.output.contains("trying 30 of 30"), "\(hurried)")
            let done = try await waiting
            #expect(done.code == 0, "the wait goes on with the next generations: \(done)")

            // At once after the submission: what the log holds is selected.
            worker.end(SIGTERM)
            try Data("new".utf8).write(to: URL(fileURLWithPath: folder + "/src/f1"))
            let submitted = try await fleet.run("submit", folder + "/src", "--to", "disk", "--batch", "late")
            #expect(submitted.code == 0 && submitted.output.contains("30 accepted"), "\(submitted)")
            let cancelled = try await fleet.run("cancel", "--batch", "late", "--yes")
            #expect(cancelled.code == 0 && cancelled.output.contains("cancelled 30 of 30"), "\(cancelled)")
            let status = try await fleet.run("status", "--batch", "late", "--output", "json")
            #expect(status.objects.first?["cancelled"] as? Int == 30, "\(status)")
            acknowledger.end(SIGTERM)
        }
    }
}
