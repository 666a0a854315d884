import BackhaulTestKit
import Foundation
import Synchronization
import Testing

/// The whole job in one command, and what commands find without being told.
@Suite("Upload and defaults", .serialized)
struct UploadTests {
    private struct Setup {
        var folder: String
        var home: String { folder + "/home" }

        init(_ folder: String, files: Int, _ configuration: String) throws {
            self.folder = folder
            for path in [home, folder + "/src"] {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            }
            for number in 0..<files {
                try Data(repeating: UInt8(number & 255), count: 10_000).write(
                    to: URL(fileURLWithPath: folder + "/src/f\(number)"))
            }
            try Data(configuration.replacing("DIR", with: folder).utf8).write(
                to: URL(fileURLWithPath: home + "/backhaul.yaml"))
        }

        var environment: [String: String] {
            ["HOME": home, "XDG_DATA_HOME": home + "/share", "XDG_CONFIG_HOME": home + "/config"]
        }

        /// Runs a command in the home folder, where its configuration is.
        func run(_ arguments: String..., more: [String: String] = [:]) async throws -> Command.Outcome {
            let (environment, home) = (environment.merging(more) { $1 }, home)
            return try await withCheckedThrowingContinuation { continuation in
                Thread.detachNewThread {
                    continuation.resume(
                        with: Result { try Command.run(arguments, environment: environment, folder: home) })
                }
            }
        }
    }

    private static let configuration = """
        log: { url: 'embedded://DIR/data' }
        destinations: { disk: { type: folder, path: 'DIR/disk' } }
        retry: { tiers: [200ms], maxAttempts: 200 }
        """

    /// Nobody names a configuration, a log or a daemon. What waits is said, and the same command goes on.
    @Test func uploadDoesTheWholeJob() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, files: 30, Self.configuration)
            let early = try await Command.interrupt(
                ["upload", folder + "/src", "--to", "disk"], environment: setup.environment, folder: setup.home,
                onceItSays: ["to disk: waiting to try again", "/disk cannot be opened"])
            #expect(early.code == 75 && early.errors.contains("the same command goes on"), "\(early)")
            #expect(early.errors.contains("to disk: waiting to try again"), "\(early)")
            #expect(early.errors.contains("/disk cannot be opened"), "\(early)")
            let brief = try await setup.run("upload", folder + "/src", "--to", "disk", "--timeout", "1s")
            #expect(brief.code == 75 && brief.output.contains("30 unfinished"), "\(brief)")
            try FileManager.default.createDirectory(atPath: folder + "/disk", withIntermediateDirectories: true)
            let done = try await setup.run("upload", folder + "/src", "--to", "disk", "--verify", "--output", "json")
            #expect(done.code == 0, "\(done)")
            #expect(done.objects.first?["audit"] as? String == "proven" && done.objects.first?["failed"] as? Int == 0)
            for number in 0..<30 {
                let (source, stored) = (folder + "/src/f\(number)", folder + "/disk/f\(number)")
                #expect(FileManager.default.contents(atPath: source) == FileManager.default.contents(atPath: stored))
            }
            let again = try await setup.run("upload", folder + "/src", "--to", "disk")
            #expect(again.code == 0 && again.output.contains("30 stored before"), "\(again)")
            #expect(again.output.split(separator: "\n").count <= 5)
            let status = try await setup.run("status", "--output", "json")
            #expect(status.objects.first?["succeeded"] as? Int == 30, "\(status)")
            let missing = try await setup.run("upload", folder + "/none", "--to", "disk")
            #expect(missing.code == 1, "\(missing)")
            #expect(
                try await setup.run("upload", folder + "/src", "--to", "dsk").errors.contains("did you mean 'disk'"))
        }
    }

    /// What somebody deleted or damaged at the destination is found, and sent again: only that.
    @Test func lostObjectsAreRepaired() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, files: 12, Self.configuration)
            try FileManager.default.createDirectory(atPath: folder + "/disk", withIntermediateDirectories: true)
            #expect(try await setup.run("upload", folder + "/src", "--to", "disk").code == 0)
            try FileManager.default.removeItem(atPath: folder + "/disk/f3")
            try Data("damaged".utf8).write(to: URL(fileURLWithPath: folder + "/disk/f4"))
            // An audit without --repair changes nothing that a later one needs.
            for _ in 0..<2 {
                let found = try await setup.run("audit", "--verify", "--output", "json")
                #expect(found.code == 3, "\(found)")
                #expect((found.objects.first?["gone"] as? [Any])?.count == 1)
                #expect((found.objects.first?["corrupted"] as? [Any])?.count == 1)
            }
            #expect(try await setup.run("audit", "--repair").code == 2)
            let repair = try await setup.run("audit", "--verify", "--repair")
            #expect(repair.code == 3 && repair.errors.contains("2 of 2 are sent again"), "\(repair)")
            let status = try await setup.run("status", "--output", "json")
            #expect(status.objects.first?["waiting"] as? Int == 2, "\(status)")
            let twice = try await setup.run("audit", "--verify", "--repair")
            #expect(!twice.errors.contains("are sent again") || twice.errors.contains("0 of"), "\(twice)")
            let done = try await setup.run("upload", folder + "/src", "--to", "disk", "--verify", "--output", "json")
            #expect(done.code == 0 && done.objects.first?["audit"] as? String == "proven", "\(done)")
            for name in ["f3", "f4"] {
                #expect(
                    FileManager.default.contents(atPath: folder + "/src/" + name)
                        == FileManager.default.contents(atPath: folder + "/disk/" + name))
            }
            let results = try await setup.run("results", "--output", "json")
            #expect(results.objects.count == 14)
        }
    }

    /// A nightly audit is content with tasks in progress, and with nothing else that is missing.
    @Test func auditAcceptsUnfinished() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, files: 3, Self.configuration)
            #expect(try await setup.run("submit", folder + "/src", "--to", "disk").code == 0)
            let strict = try await setup.run("audit")
            #expect(strict.code == 1 && strict.output.contains("clean as far as it could be seen"), "\(strict)")
            let nightly = try await setup.run("audit", "--accept-unfinished")
            #expect(nightly.code == 0 && nightly.output.contains("clean as far as it could be seen"), "\(nightly)")
        }
    }

    /// A full disk is told in the system's words, not in Foundation's.
    @Test(.enabled(if: getuid() == 0, "mounting a small tmpfs needs root"))
    func reportOnFullDiskIsPlain() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, files: 1, Self.configuration)
            #expect(try await setup.run("submit", folder + "/src", "--to", "disk").code == 0)
            let small = folder + "/small"
            try FileManager.default.createDirectory(atPath: small, withIntermediateDirectories: true)
            guard mount("tmpfs", small, "tmpfs", 0, "size=64k") == 0 else {
                Issue.record("tmpfs cannot be mounted here: \(String(cString: strerror(errno)))")
                return
            }
            defer { umount2(small, Int32(MNT_DETACH)) }
            try? Data(count: 64 << 10).write(to: URL(fileURLWithPath: small + "/ballast"))
            let found = try await setup.run("audit", "--report", small + "/report.txt")
            #expect(found.code == 1 && found.errors.contains("report.txt: it cannot be written: "), "\(found)")
            #expect(found.errors.contains("No space left on device") && !found.errors.contains("Domain="), "\(found)")
        }
    }

    /// An audit of one batch, of a sample, and in a file that can be kept.
    @Test func auditIsNarrowedAndFiled() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, files: 20, Self.configuration)
            try FileManager.default.createDirectory(atPath: folder + "/disk", withIntermediateDirectories: true)
            let first = try await setup.run("upload", folder + "/src", "--to", "disk", "--output", "json")
            let submitted = first.objects.first?["submitted"] as? [String: Any]
            let batch = try #require(submitted?["batch"] as? String, "\(first)")
            try FileManager.default.removeItem(atPath: folder + "/disk/f3")
            let file = folder + "/report.txt"
            let found = try await setup.run("audit", "--verify", "--batch", batch, "--report", file)
            #expect(found.code == 3 && found.output.contains("GONE        disk f3"), "\(found)")
            let report = try String(contentsOfFile: file, encoding: .utf8)
            for line in [
                "log:      embedded:///", "tasks:    of batch \(batch)", "GONE        disk f3",
                "verdict: LOSS OR DAMAGE FOUND", "exit code: 3",
            ] {
                #expect(report.contains(line), "\(report)")
            }
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("report") } == [
                    "report.txt"
                ])
            _ = try await setup.run("upload", folder + "/src", "--to", "disk")
            let sample = try await setup.run("audit", "--verify", "--sample", "10%", "--output", "json")
            #expect(sample.code == 0, "\(sample)")
            #expect(sample.objects.first?["verified"] as? Int == 2 && sample.objects.first?["notSampled"] as? Int == 18)
            let typo = try await setup.run("audit", "--batch", batch + "x")
            #expect(typo.code == 2 && typo.errors.contains("did you mean '\(batch)'"), "\(typo)")
            for wrong in ["0%", "101%", "1", "x%", "nan%"] {
                #expect(try await setup.run("audit", "--verify", "--sample", wrong).code == 2)
            }
            #expect(try await setup.run("audit", "--sample", "1%").code == 2)
            let nowhere = try await setup.run("audit", "--report", folder + "/none/report.txt")
            #expect(nowhere.code == 2 && nowhere.errors.contains("--report"), "\(nowhere)")
        }
    }

    /// SIGINT in the middle: nothing is lost, and what was stored is not sent again.
    @Test func interruptedUploadGoesOn() async throws {
        // The fourth request and those after it get no answer until the second run.
        let isWell = Mutex(false)
        let asked = Mutex(0)
        let server = try StubServer { _ in
            let count = asked.withLock { count in
                count += 1
                return count
            }
            return isWell.withLock { $0 } || count <= 3 ? .store() : .stall(600)
        }
        defer { server.close() }
        try await withTemporaryFolder { folder in
            let setup = try Setup(
                folder, files: 40, "log: { url: 'embedded://DIR/data' }\nlimits: { uploads: 2 }\n")
            let process = try Command.process(
                ["upload", folder + "/src", "--to", server.url], environment: setup.environment, folder: setup.home)
            let errors = Pipe()
            process.standardError = errors
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            let end = ContinuousClock.now + .seconds(60)
            while asked.withLock({ $0 }) < 4 {
                try #require(ContinuousClock.now < end)
                try await Task.sleep(for: .milliseconds(10))
            }
            process.interrupt()
            process.waitUntilExit()
            let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            #expect(process.terminationReason == .exit && process.terminationStatus == 75, "\(said)")
            #expect(said.contains("the same command goes on"), "\(said)")
            isWell.withLock { $0 = true }
            let done = try await setup.run("upload", folder + "/src", "--to", server.url, "--output", "json")
            #expect(done.code == 0 && server.objects.count == 40, "\(done)")
            #expect(done.objects.first?["audit"] as? String == "proven")
            let results = try await setup.run("results", "--output", "json")
            #expect(results.objects.count == 40, "one result a file")
        }
    }

    /// A daemon on the log does the work, and what it knows need not be said again.
    @Test func commandsKnowWhatTheDaemonKnows() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, files: 5, "{}\n")
            let configuration = Self.configuration.replacing("DIR", with: folder)
            try Data(configuration.utf8).write(to: URL(fileURLWithPath: folder + "/daemon.yaml"))
            try FileManager.default.createDirectory(atPath: folder + "/disk", withIntermediateDirectories: true)
            let daemon = try Daemon(data: folder + "/data", config: folder + "/daemon.yaml", workers: 1)
            let log = "embedded://\(folder)/data"
            let done = try await setup.run("upload", folder + "/src", "--to", "disk", "--log", log)
            #expect(done.code == 0 && done.errors.contains("runs on this log, and does the work"), "\(done)")
            #expect(FileManager.default.fileExists(atPath: folder + "/disk/f4"))
            let submitted = try await setup.run("submit", folder + "/src", "--to", "disk", "--wait", "--log", log)
            #expect(submitted.code == 0, "\(submitted)")
            // The environment says "none", and a flag another file.
            let none = try await setup.run(
                "submit", folder + "/src", "--to", "disk", "--log", log, more: ["BACKHAUL_CONFIG": ""])
            #expect(none.code == 2 && none.errors.contains("--to disk"), "\(none)")
            let other = try await setup.run(
                "submit", folder + "/src", "--to", "disk", "--log", log, "--config", setup.home + "/backhaul.yaml")
            #expect(other.code == 2, "\(other)")
            #expect(daemon.terminate() == 0)
        }
    }

    /// The process that did the work dies: the one that waits for it takes the work over.
    @Test func waitingUploadTakesOver() async throws {
        let isWell = Mutex(false)
        let server = try StubServer { _ in isWell.withLock { $0 } ? .store() : .stall(600) }
        defer { server.close() }
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, files: 6, "{}\n")
            let daemon = try Daemon(data: folder + "/data", workers: 1)
            let process = try Command.process(
                ["upload", folder + "/src", "--to", server.url, "--log", "embedded://\(folder)/data"],
                environment: setup.environment, folder: setup.home)
            let errors = Pipe()
            process.standardError = errors
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            let end = ContinuousClock.now + .seconds(60)
            while server.connectionCount == 0 {
                try #require(ContinuousClock.now < end)
                try await Task.sleep(for: .milliseconds(20))
            }
            isWell.withLock { $0 = true }
            daemon.kill()
            process.waitUntilExit()
            let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            #expect(process.terminationStatus == 0 && server.objects.count == 6, "\(said)")
            #expect(said.contains("does the work") && said.contains("looking again"), "\(said)")
        }
    }

    @Test(.enabled(if: getuid() == 0, "giving a file to another user needs root"))
    func configurationOfAnotherUserIsIgnored() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, files: 1, Self.configuration)
            #expect(chown(setup.home + "/backhaul.yaml", 12_345, 12_345) == 0)
            let outcome = try await setup.run(
                "upload", folder + "/src", "--to", "disk", "--log", "embedded://\(folder)/d")
            #expect(outcome.code == 2 && outcome.errors.contains("belongs to another user"), "\(outcome)")
        }
    }

    @Test func firstConfigurationIsUsable() async throws {
        try await withTemporaryFolder { folder in
            let setup = try Setup(folder, files: 1, "{}\n")
            let file = folder + "/new/backhaul.yaml"
            let made = try await setup.run("init", "--file", file)
            #expect(made.code == 0 && made.output.contains("wrote \(file)"), "\(made)")
            #expect(try await setup.run("config", "check", "--config", file).code == 0)
            let before = try String(contentsOfFile: file, encoding: .utf8)
            #expect(before.split(separator: "\n").filter { $0.contains("#") }.count > 10)
            let again = try await setup.run("init", "--file", file)
            #expect(again.code == 1 && again.errors.contains("exists already"), "\(again)")
            #expect(try String(contentsOfFile: file, encoding: .utf8) == before)
        }
    }
}
