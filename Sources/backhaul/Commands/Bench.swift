import ArgumentParser
import BackhaulDomain
import BackhaulEmbedded
import BackhaulFiles
import BackhaulIngest
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import BackhaulUnits
// For `stat`: a release build finds its definition here.
import CoreFoundation
import Foundation

/// Measures a running system from the outside: tasks in, results out.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a running system: tasks per second, and the time from a task to its result.",
        discussion: """
            Appends tasks that all name one file, each under its own key, and reads their results. With --rate they \
            come at that pace no matter how fast the system is, and each is timed from the moment it was due; without \
            it they come in batches, as fast as the log accepts them. A destination of type drop measures the pipe \
            without uploads.

            Examples:
              backhaul bench --to nowhere --tasks 100000 --log embedded:///srv/backhaul --config b.yaml
              backhaul bench --to nas --source /srv/photos/a.jpg --rate 100 --tasks 6000 --log kafka://kafka1/ --config b.yaml
            """)

    @Option(help: ArgumentHelp("A configured destination's name, or a base URL.", valueName: "destination"))
    var to: String

    @Option(help: "The number of tasks.")
    var tasks = 10_000

    @Option(help: "Tasks per second; 0 for as many as the log accepts.")
    var rate = 0.0

    @Option(help: ArgumentHelp("The file that every task names (default: an empty file).", valueName: "file"))
    var source: String?

    @Option(help: "The tenant that owns the tasks.")
    var tenant: ByteText = "bench"

    @Option(help: ArgumentHelp("Write each latency to this file, in microseconds, one per line.", valueName: "file"))
    var samples: String?

    @OptionGroup var log: LogOptions

    func validate() throws {
        guard (1...10_000_000).contains(tasks) else { throw ValidationError("--tasks takes 1 to 10000000") }
        guard rate >= 0, rate <= 100_000 else { throw ValidationError("--rate takes 0 to 100000") }
    }

    func run() async throws {
        let settings = try log.settings()
        do {
            try TaskRules.checkTenant(tenant)
        } catch {
            throw CommandError(error.message, exit: .usage)
        }
        let target = try DestinationArgument.target(to, settings)
        let address = try log.address(settings)
        let roots = settings.sourceRoots(folder: address.folder)
        let file = try source.map { try Self.resolved($0) } ?? Self.emptyFile()
        let folder = String(file[..<(file.utf8.lastIndex(of: UInt8(ascii: "/")) ?? file.startIndex)])
        let root: (name: ByteText, path: String)
        do {
            root = try roots.name(of: folder.isEmpty ? "/" : folder)
        } catch {
            throw CommandError(
                "\(file) is not in a root that the workers read (sources.roots); give --source with a file that is",
                exit: .usage)
        }
        var status = stat()
        guard stat(file, &status) == 0 else { throw CommandError("\(file): \(String(cString: strerror(errno)))") }
        try roots.confirm(root.name, path: root.path)
        let opened = try await address.open(settings, creates: true)
        if let folder = address.folder, !FolderLock.isHeld(folder: folder) {
            Stderr.say("no daemon runs on this log yet; start 'backhaul standalone --data \(folder)'")
        }
        let run = BenchRun(
            log: opened, settings: settings, target: target, tenant: tenant,
            source: SourceReference(
                root: root.name,
                path: ByteText(
                    String(
                        decoding: file.utf8.dropFirst(root.path == "/" ? 1 : root.path.utf8.count + 1), as: UTF8.self))),
            size: ByteCount(clamping: status.st_size),
            modifiedAt: FileTime(seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec),
            count: tasks, rate: rate)
        let act = await CommandAct(
            .submit, settings, opened, tenant: tenant, batch: run.name, detail: "to \(to), by bench")
        let report: BenchRun.Report
        do {
            report = try await run.run()
        } catch {
            await act.fail(error)
            await opened.close()
            throw error
        }
        await act.end(.done, tasks: tasks, counts: ["accepted": tasks])
        await opened.close()
        if let samples { try Self.write(report.latencies, to: samples) }
        try show(report)
        if report.failed > 0 { throw ProcessExit.failed }
    }

    private func show(_ report: BenchRun.Report) throws {
        let summary = report.summary
        if log.output == .json { return try Output.json(summary) }
        Output.line(
            String(
                format: "%d tasks, %d failed: %.3f s, %.0f per second (accepted after %.3f s)", summary.tasks,
                summary.failed,
                summary.seconds, summary.tasksPerSecond, summary.acceptedSeconds))
        Output.line(
            String(
                format: "from task to result, ms: p50 %.2f  p99 %.2f  p99.9 %.2f  most %.2f", summary.p50, summary.p99,
                summary.p999, summary.most))
    }

    private static func write(_ latencies: [Int64], to path: String) throws {
        let text = latencies.map(String.init).joined(separator: "\n") + "\n"
        guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8)) else {
            throw CommandError("--samples \(path) cannot be written")
        }
    }

    private static func resolved(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else {
            throw CommandError("--source \(path): \(String(cString: strerror(errno)))")
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Returns the same path every time, because its folder becomes a source root of this machine.
    private static func emptyFile() throws -> String {
        let folder = FileManager.default.temporaryDirectory.path + "/backhaul-bench-\(getuid())"
        try? FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        // The name is predictable: a folder that another user has put there must not become a source root.
        var status = stat()
        guard lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == getuid(),
            status.st_mode & 0o022 == 0
        else {
            throw CommandError("\(folder) is not a folder that only you can write to; remove it, or give --source")
        }
        let file = folder + "/empty"
        if access(file, R_OK) != 0, !FileManager.default.createFile(atPath: file, contents: Data()) {
            throw CommandError("\(file) cannot be created; give --source")
        }
        return try resolved(file)
    }
}
