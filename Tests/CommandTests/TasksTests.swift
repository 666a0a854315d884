import BackhaulTestKit
import Foundation
import Synchronization
import Testing

/// What has not ended: why, which, and how operators end or hurry it.
@Suite("Unfinished tasks", .serialized)
struct TasksTests {
    private struct Setup {
        var folder: String
        var daemon: Daemon
        var log: [String] { ["--log", "embedded://\(folder)/data", "--config", folder + "/c.yaml"] }

        func run(_ arguments: String...) async throws -> Command.Outcome {
            try await Command.result(arguments + log + ["--output", "json"])
        }

        /// Asks until the first object of the answer is right.
        func wait(
            _ arguments: [String], _ isRight: ([String: Any]) -> Bool
        ) async throws -> [String: Any] {
            let end = ContinuousClock.now + .seconds(90)
            while true {
                let found = try await Command.result(arguments + log + ["--output", "json"]).objects.first ?? [:]
                if isRight(found) { return found }
                try #require(ContinuousClock.now < end, "\(found)")
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// A web server that answers 503 until `isWell`, and a folder that is not there.
    private func withWaitingTasks(
        _ count: Int, _ body: (Setup, _ isWell: Switch) async throws -> Void
    ) async throws {
        let isWell = Switch()
        let server = try StubServer { _ in isWell.isOn ? .store() : .status(503) }
        defer { server.close() }
        try await withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: folder + "/src", withIntermediateDirectories: true)
            for number in 0..<count {
                try Data("\(number)".utf8).write(to: URL(fileURLWithPath: folder + "/src/f\(number)"))
            }
            let settings = """
                destinations: { web: { type: http, url: '\(server.url)' }, disk: { type: folder, path: '\(folder)/disk' } }
                retry: { tiers: [1h], maxAttempts: 3, breakerFailures: 1000 }
                """
            try Data(settings.utf8).write(to: URL(fileURLWithPath: folder + "/c.yaml"))
            let daemon = try Daemon(data: folder + "/data", config: folder + "/c.yaml", workers: 1)
            let setup = Setup(folder: folder, daemon: daemon)
            for destination in ["web", "disk"] {
                let submitted = try await setup.run(
                    "submit", folder + "/src", "--to", destination, "--batch", destination)
                #expect(submitted.code == 0, "\(submitted)")
            }
            _ = try await setup.wait(["status"]) { $0["retrying"] as? Int == 2 * count }
            try await body(setup, isWell)
            #expect(daemon.terminate() == 0)
        }
    }

    final class Switch: Sendable {
        private let value = Mutex(false)
        var isOn: Bool { value.withLock { $0 } }
        func turnOn() { value.withLock { $0 = true } }
    }

    /// `watch` shows the same again and again, ends when it is told to, and costs next to nothing.
    @Test func watchShowsWhatHappens() async throws {
        try await withWaitingTasks(5) { setup, _ in
            let watched = try await setup.run("watch", "--batch", "web", "--for", "3s")
            #expect(watched.code == 0 && (3...5).contains(watched.objects.count), "\(watched)")
            let last = watched.objects.last ?? [:]
            #expect((last["counts"] as? [String: Any])?["retrying"] as? Int == 5)
            let reasons = last["reasons"] as? [[String: Any]] ?? []
            #expect(reasons.map { $0["destination"] as? String } == ["web"])
            #expect(try await setup.run("watch", "--batch", "wob", "--for", "1s").code == 2)
            let lines = try await Command.result(["watch", "--for", "1s"] + setup.log)
            #expect(lines.code == 0 && lines.output.contains("10 tasks: 0 stored, 10 retrying"), "\(lines)")
            #expect(!lines.output.contains("\u{1B}"))
        }
    }

    /// One command says what waits, for what, since when and until when; another one finds a task with its history.
    @Test func whyTasksWaitIsSaid() async throws {
        try await withWaitingTasks(5) { setup, _ in
            let status = try #require(try await setup.run("status").objects.first)
            let reasons = try #require(status["reasons"] as? [[String: Any]])
            #expect(Set(reasons.map { "\($0["destination"] ?? "") \($0["tasks"] ?? 0)" }) == ["web 5", "disk 5"])
            for reason in reasons {
                #expect(reason["nextAttemptAt"] is String && reason["oldestAcceptedAt"] is String)
                let failure = try #require(reason["failure"] as? [String: Any])
                let isWeb = reason["destination"] as? String == "web"
                #expect(failure["httpStatus"] as? Int == (isWeb ? 503 : nil))
                #expect((failure["message"] as? String)?.contains(isWeb ? "503" : "/disk") == true, "\(failure)")
            }
            let one = try #require(try await setup.run("status", "--batch", "disk").objects.first)
            #expect((one["reasons"] as? [[String: Any]])?.count == 1)
            let text = try await Command.result(["status"] + setup.log)
            #expect(text.output.contains("5 tasks to web: waiting to try again, oldest "), "\(text)")

            let listed = try await setup.run("tasks", "list", "--destination", "web", "--state", "retrying")
            #expect(listed.objects.count == 5 && listed.objects.allSatisfy { $0["batch"] as? String == "web" })
            let few = try await setup.run("tasks", "--batch", "disk", "--limit", "2")
            #expect(few.objects.count == 2 && few.errors.contains("there are more"), "\(few)")
            let id = try #require(listed.objects.first?["taskId"] as? String)
            let shown = try await setup.run("tasks", "show", id)
            let history = shown.objects.first?["history"] as? [[String: Any]]
            #expect(history?.count == 1 && history?.first?["failure"] != nil, "\(shown)")
            let byKey = try await setup.run("tasks", "show", "f3")
            #expect(Set(byKey.objects.compactMap { $0["destination"] as? String }) == ["web", "disk"])
            let typo = try await setup.run("tasks", "list", "--batch", "wbe")
            #expect(typo.code == 2 && typo.errors.contains("did you mean 'web'"), "\(typo)")
            #expect(try await setup.run("tasks", "show", "nothing").code == 1)
        }
    }

    /// Cancels by a filter, counted before; what is not selected goes on.
    @Test func waitingTasksAreCancelledByFilter() async throws {
        try await withWaitingTasks(50) { setup, _ in
            #expect(try await setup.run("cancel", "--yes").code == 2, "nothing is selected by chance")
            let typo = try await setup.run("cancel", "--state", "retryin")
            #expect(typo.code == 2 && typo.errors.contains("did you mean 'retrying'"), "\(typo)")
            let dry = try await setup.run("cancel", "--batch", "disk")
            #expect(dry.objects.first?["selected"] as? Int == 50 && dry.objects.first?["cancelled"] as? Int == 0)
            let done = try await setup.run("cancel", "--batch", "disk", "--yes")
            #expect(done.code == 0 && done.objects.first?["cancelled"] as? Int == 50, "\(done)")
            let status = try #require(try await setup.run("status").objects.first)
            #expect(status["cancelled"] as? Int == 50 && status["retrying"] as? Int == 50)
            let again = try await setup.run("cancel", "--batch", "disk", "--yes")
            #expect(again.objects.first?["selected"] as? Int == 0)
            let results = try await setup.run("results")
            #expect(
                results.objects.count == 50 && results.objects.allSatisfy { $0["status"] as? String == "cancelled" })
            let acts = try await setup.run("acts", "--act", "cancel")
            #expect(
                acts.objects.last?["tasks"] as? Int == 0 && acts.objects.count == 4, "two of the log, not one a task")
            #expect(acts.objects.contains { ($0["counts"] as? [String: Int])?["cancelled"] == 50 }, "\(acts)")
        }
    }

    /// Who waits for results waits for the generation that was accepted in place of the cancelled one.
    @Test func waitingForResultsOutlivesARetry() async throws {
        try await withWaitingTasks(10) { setup, isWell in
            let folder = setup.folder
            let process = try Command.process(
                ["submit", folder + "/src", "--to", "web", "--wait", "--batch", "again"] + setup.log)
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            // It has submitted, and waits for tasks that were under way.
            let end = ContinuousClock.now + .seconds(60)
            while try await setup.run("acts", "--act", "submit", "--outcome", "done").objects.count < 3 {
                try #require(ContinuousClock.now < end)
                try await Task.sleep(for: .milliseconds(100))
            }
            isWell.turnOn()
            let retried = try await setup.run("retry", "--now", "--destination", "web", "--yes")
            #expect(retried.objects.first?["retried"] as? Int == 10, "\(retried)")
            process.waitUntilExit()
            #expect(process.terminationStatus == 0, "all have succeeded")
        }
    }

    /// An operator who has fixed a destination does not wait an hour for the next attempt.
    @Test func waitingTasksAreTriedNow() async throws {
        try await withWaitingTasks(20) { setup, isWell in
            isWell.turnOn()
            #expect(try await setup.run("retry", "--all", "--yes").code == 2)
            let dry = try await setup.run("retry", "--now", "--destination", "web")
            #expect(dry.objects.first?["selected"] as? Int == 20 && dry.objects.first?["retried"] as? Int == 0)
            let done = try await setup.run("retry", "--now", "--destination", "web", "--yes")
            #expect(done.code == 0 && done.objects.first?["retried"] as? Int == 20, "\(done)")
            let status = try await setup.wait(["status"]) { $0["succeeded"] as? Int == 20 }
            #expect(status["retrying"] as? Int == 20)
            // One result a generation: the one that waited, and the one that was tried.
            let results = try await setup.run("results", "--batch", "web")
            let ends = Dictionary(grouping: results.objects) { "\($0["generation"] ?? 0) \($0["status"] ?? "")" }
            #expect(ends.mapValues(\.count) == ["0 cancelled": 20, "1 succeeded": 20], "\(ends.keys)")
            let audit = try await setup.run("audit")
            #expect([0, 1].contains(audit.code), "\(audit)")
        }
    }
}
