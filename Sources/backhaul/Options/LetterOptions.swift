import ArgumentParser
import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulReplay
import BackhaulSettings
import BackhaulUnits
import Foundation

/// Selects the dead letters that a command works on.
struct LetterOptions: ParsableArguments {
    @Option(help: "Only this batch.")
    var batch: ByteText?

    @Option(help: "Only this tenant.")
    var tenant: ByteText?

    @Option(help: "Only this task. May be repeated, as the next four.")
    var task: [ByteText] = []

    @Option(
        help: ArgumentHelp("Only the tasks whose ids a file has, one a line; - for standard input.", valueName: "file"))
    var tasksFrom: String?

    @Option(help: "Only this destination: its name, or its base URL.")
    var destination: [ByteText] = []

    @Option(help: "Only this kind of failure: permanent, transient, source-gone, malformed …")
    var failure: [String] = []

    @Option(help: ArgumentHelp("Only this HTTP status: 503, 5xx or 500-599.", valueName: "status"))
    var httpStatus: [String] = []

    @Option(
        help: ArgumentHelp("Only keys like this: * stands for any text, ? for one character.", valueName: "pattern"))
    var key: String?

    @Option(help: ArgumentHelp("Only what failed since then: 2d ago, or a time (RFC 3339).", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Only what failed before then.", valueName: "time"))
    var until: String?

    @Option(help: ArgumentHelp("Only what failed at least so many times.", valueName: "count"))
    var minAttempts: Int?

    @Option(help: ArgumentHelp("Only what failed at most so many times.", valueName: "count"))
    var maxAttempts: Int?

    @Option(help: "Only what this worker gave up.")
    var worker: String?

    @Option(help: "Only this issue; see 'backhaul dead-letters issues'.")
    var issue: String?

    @Option(
        help: ArgumentHelp(
            "'all': nothing is left out, as without options; not beside an option that narrows.", valueName: "what"))
    var match: String?

    @Option(
        help: ArgumentHelp(
            "Letters of another topic, such as Spring's or Connect's, whose values are tasks.", valueName: "name"))
    var topic: String?

    /// Whether anything narrows the selection.
    private var isNarrowed: Bool {
        batch != nil || tenant != nil || !task.isEmpty || tasksFrom != nil || !destination.isEmpty || !failure.isEmpty
            || !httpStatus.isEmpty || key != nil || since != nil || until != nil || minAttempts != nil
            || maxAttempts != nil || worker != nil || issue != nil
    }

    /// - Throws: `CommandError` for a value that cannot be meant.
    func selection() throws -> LetterSelection {
        let classes = FailureClass.allCases.map(\.rawValue) + [DeadLetter.foreign]
        for failure in failure { try NameCheck.choice(failure, "--failure", among: classes) }
        if let match {
            guard match == "all" else {
                throw CommandError("--match \(match): only 'all' can be matched", exit: .usage)
            }
            guard !isNarrowed else {
                throw CommandError("--match all takes everything, and an option beside it narrows that", exit: .usage)
            }
        }
        var selection = LetterSelection(
            tenant: tenant, batch: batch, taskIDs: Set(task), destinations: destination, failures: failure,
            statuses: try httpStatus.map(Self.statuses), since: try MomentArgument.parse(since, "--since"),
            until: try MomentArgument.parse(until, "--until"), worker: worker, issue: issue)
        if let key {
            guard let pattern = KeyPattern(key) else {
                throw CommandError("--key: a pattern has 1 to \(KeyPattern.longest) bytes", exit: .usage)
            }
            selection.keyPattern = pattern
        }
        for (name, value) in [("--worker", worker), ("--issue", issue)] where value?.isEmpty == true {
            throw CommandError("\(name): it is empty", exit: .usage)
        }
        let (least, most) = (minAttempts ?? 0, maxAttempts ?? Domain.counts.upperBound)
        guard Domain.counts.contains(least), Domain.counts.contains(most), least <= most else {
            throw CommandError("--min-attempts and --max-attempts are not a range", exit: .usage)
        }
        selection.attempts = least...most
        if let tasksFrom {
            let named = try Self.tasks(tasksFrom)
            guard !named.isEmpty else {
                throw CommandError("--tasks-from \(tasksFrom): it names no task", exit: .usage)
            }
            selection.taskIDs.formUnion(named)
        }
        return selection
    }

    private static func statuses(_ text: String) throws -> ClosedRange<Int> {
        if let range = StatusRange.parse(text) { return range }
        throw CommandError("--http-status \(text): give a status such as 503, 5xx or 500-599", exit: .usage)
    }

    /// The ids in a file, one a line.
    private static func tasks(_ path: String) throws -> [ByteText] {
        let data: Data
        do {
            data =
                path == "-"
                ? try FileHandle.standardInput.readToEnd() ?? Data() : try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw CommandError("--tasks-from \(path): the file cannot be read", exit: .usage)
        }
        return try data.split(separator: UInt8(ascii: "\n")).compactMap { line -> ByteText? in
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            guard !line.isEmpty else { return nil }
            let id = ByteText(String(decoding: line, as: UTF8.self))
            do {
                try TaskRules.checkID(id)
            } catch let error as TaskRules.InvalidTaskError {
                throw CommandError("--tasks-from \(path): '\(id)': \(error.message)", exit: .usage)
            }
            return id
        }
    }

    /// Called when no letter was selected.
    /// - Throws: `CommandError` for a batch that there is not.
    func checkBatch(_ opened: any MessageLog, _ address: LogAddress, _ settings: Settings) async throws {
        try await LazyView(log: opened, address: address, settings: settings).check(batch)
    }
}

extension Settings {
    func replay(_ log: any MessageLog, clock: any LogClock = SystemLogClock()) -> Replay {
        Replay(log: log, layout: layout, clock: clock, largeThreshold: largeThreshold, isOrdered: isOrdered)
    }
}
