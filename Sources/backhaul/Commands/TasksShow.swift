import ArgumentParser
import BackhaulDomain
import BackhaulLog
import BackhaulUnits
import BackhaulView
import BackhaulWeb

/// Shows one task with its history.
struct TasksShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a task and each of its attempts.",
        discussion: """
            The name is the task's id, its key at the destination, or its path below its source root. All tasks of \
            that name are shown, at most 20.

            Example: backhaul tasks show 2026/img_0001.jpg --log embedded:///srv/backhaul
            """)

    @Argument(help: "The task's id, key or path.")
    var name: ByteText

    @Option(help: "Only this tenant.")
    var tenant: ByteText?

    @Option(help: "Only this batch.")
    var batch: ByteText?

    @OptionGroup var view: ViewOptions

    private static let most = 20

    func run() async throws {
        let which = TaskSelection(batch: batch, tenant: tenant, name: name)
        let output = view.output
        try await view.viewing { view, _, _ in
            var found: [TaskStatus] = []
            try await which.each(in: view, limit: Self.most) { found += $0 }
            guard !found.isEmpty else { throw CommandError("no task has the id, key or path '\(name)'") }
            for (number, task) in found.enumerated() {
                let attempts = try await view.attempts(task)
                if output == .json {
                    try Output.json(StatusDocument(task, attempts: attempts))
                } else {
                    if number > 0 { Output.line("") }
                    Self.print(task, attempts)
                }
            }
        }
    }

    private static func print(_ task: TaskStatus, _ attempts: [AttemptStatus]) {
        let now = SystemLogClock.wall
        var rows = [
            [
                "task",
                "\(task.task.identity.id), generation \(task.task.generation), of tenant \(task.task.identity.tenant)",
            ]
        ]
        if !task.batch.isEmpty { rows.append(["batch", task.batch.text]) }
        if task.position != nil { rows.append(["file", "\(task.path) below root \(task.root)"]) }
        rows.append(["size", SizeText.format(task.size)])
        rows.append(["to", "\(task.destination), key \(task.key)"])
        let submitter = task.submittedBy.isEmpty ? "" : " from \(task.submittedBy)"
        rows.append(["accepted", TimeText.format(task.acceptedAt) + submitter])
        rows.append(["state", state(task, now)])
        if let sha256 = task.sha256 { rows.append(["sha256", sha256]) }
        Output.table(rows)
        for attempt in attempts {
            let end = attempt.failure?.description ?? attempt.outcome
            let generation = task.task.generation == 0 ? "" : "generation \(attempt.generation), "
            Output.line(
                "  \(generation)attempt \(attempt.attempt) at \(TimeText.format(attempt.startedAt)), \(attempt.worker): \(end)"
            )
        }
    }

    private static func state(_ task: TaskStatus, _ now: Timestamp) -> String {
        switch task.state {
        case .waiting: "waiting for a first attempt, for \(AgeText.format(now - task.acceptedAt))"
        case .running: "uploading" + (ProgressText.of(task).map { ", \($0)" } ?? "")
        case .retrying:
            "waiting to try again"
                + (task.nextAttemptAt.map { $0 > now ? ", in \(AgeText.format($0 - now))" : ", now" } ?? "")
        case .succeeded: "stored" + (task.verification.map { ", verified: \($0)" } ?? "") + at(task)
        case .failed, .expired, .cancelled: task.state.rawValue + at(task)
        }
    }

    private static func at(_ task: TaskStatus) -> String {
        task.finishedAt.map { ", at \(TimeText.format($0))" } ?? ""
    }
}
