import ArgumentParser
import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulReplay
import BackhaulSettings
import BackhaulView

/// Starts tasks at once that wait for their next attempt.
struct RetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Try tasks at once that wait for their next attempt.",
        discussion: """
            Without --yes it only counts. The waiting generation of each task ends as 'cancelled', and its next one is \
            due at once, with all its attempts before it. For tasks that have failed, see 'backhaul replay'.

            Example: backhaul retry --now --destination nas --yes --log embedded:///srv/backhaul
            """)

    @OptionGroup var which: TaskFilterOptions

    @Flag(help: "Do not wait for the time of the next attempt.")
    var now = false

    @Flag(help: "Every task that waits; needed when no other option says which.")
    var all = false

    @Flag(help: "Try them; without this it is a dry run.")
    var yes = false

    @OptionGroup var view: ViewOptions

    private struct Answer: Encodable {
        var selected = 0
        var retried = 0
        /// The task's record is not in the log any more.
        var gone = 0
        var dryRun: Bool
    }

    func validate() throws {
        guard now else { throw ValidationError("give --now; for tasks that have failed, use 'backhaul replay'") }
        guard which.state == nil || which.state == TaskState.retrying.rawValue else {
            throw ValidationError("only tasks in state retrying wait for an attempt")
        }
    }

    func run() async throws {
        var selection = try which.selection(all: all)
        selection.state = .retrying
        let which = selection
        let answer: Answer
        if yes {
            answer = try await view.working { view, log, settings, address in
                let answer = try await retry(which, view, log, settings)
                address.warnWithoutDaemon()
                return answer
            }
        } else {
            answer = try await view.viewing { view, _, _ in
                Answer(selected: try await which.count(in: view), dryRun: true)
            }
        }
        if view.output == .json { return try Output.json(answer) }
        guard yes else { return Output.line("would try \(answer.selected) tasks now; give --yes to try them") }
        Output.line("trying \(answer.retried) of \(answer.selected) tasks now")
        if answer.gone > 0 { Output.line("\(answer.gone) go on waiting: their records are not in the log any more") }
    }

    /// Starts what is selected, as one act.
    private func retry(
        _ which: TaskSelection, _ view: any ViewReader, _ log: any MessageLog, _ settings: Settings
    ) async throws -> Answer {
        let act = await CommandAct(
            .retry, settings, log, tenant: which.tenant, batch: which.batch, detail: which.description)
        var answer = Answer(dryRun: false)
        do {
            try await retry(which, view, log, settings, &answer)
        } catch {
            await act.fail(error)
            throw error
        }
        await act.end(.done, tasks: answer.selected, counts: ["accepted": answer.retried, "gone": answer.gone])
        return answer
    }

    private func retry(
        _ which: TaskSelection, _ view: any ViewReader, _ log: any MessageLog, _ settings: Settings,
        _ answer: inout Answer
    ) async throws {
        let replay = settings.replay(log)
        var result = answer
        try await which.each(in: view) { tasks in
            result.selected += tasks.count
            // The next generation comes first: a command that is killed in between leaves two generations, and
            // not none.
            var next: [AppendRequest] = []
            var cancels: [AppendRequest] = []
            for task in tasks {
                guard let request = try await replay.nextRequest(task.task, at: task.position) else {
                    result.gone += 1
                    continue
                }
                next.append(request)
                cancels.append(
                    try TaskActions.cancelRequest(
                        task, caller: CommandUser.name.text, at: SystemLogClock.wall, settings.layout))
            }
            guard !next.isEmpty else { return }
            _ = try await log.append(next + cancels)
            result.retried += next.count
        }
        answer = result
    }
}
