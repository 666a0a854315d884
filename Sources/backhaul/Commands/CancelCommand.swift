import ArgumentParser
import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import BackhaulUnits
import BackhaulView

/// Cancels tasks.
struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Cancel tasks that have not ended.",
        discussion: """
            Without --yes it only counts. A cancelled task's result is 'cancelled'; one that ends first keeps its end.

            Examples:
              backhaul cancel --batch trip --log embedded:///srv/backhaul
              backhaul cancel --destination nas --failure transient --yes --log embedded:///srv/backhaul
            """)

    @OptionGroup var which: TaskFilterOptions

    @Flag(help: "Every task; needed when no other option says which.")
    var all = false

    @Flag(help: "Cancel them; without this it is a dry run.")
    var yes = false

    @OptionGroup var view: ViewOptions

    private struct Answer: Encodable {
        var selected = 0
        var cancelled = 0
        /// Ended before the cancel.
        var ended = 0
        /// Not decided in the time that the command waits.
        var pending = 0
        var dryRun: Bool
    }

    func run() async throws {
        var selection = try which.selection(all: all)
        selection.isOpen = true
        let which = selection
        let answer: Answer
        if yes {
            answer = try await view.working { view, log, settings, address in
                let answer = try await cancel(which, view, log, settings)
                if answer.pending > 0 { address.warnWithoutDaemon() }
                return answer
            }
        } else {
            answer = try await view.viewing { view, _, _ in
                Answer(selected: try await which.count(in: view), dryRun: true)
            }
        }
        if view.output == .json { return try Output.json(answer) }
        guard yes else {
            return Output.line("would cancel \(answer.selected) tasks; give --yes to cancel them")
        }
        Output.line("cancelled \(answer.cancelled) of \(answer.selected) tasks")
        if answer.ended > 0 { Output.line("\(answer.ended) had ended before") }
        if answer.pending > 0 {
            Output.line("\(answer.pending) are not decided yet; '\(view.hint("status"))' shows them")
        }
    }

    /// Cancels what is selected, as one act.
    private func cancel(
        _ which: TaskSelection, _ view: any ViewReader, _ log: any MessageLog, _ settings: Settings
    ) async throws -> Answer {
        let act = await CommandAct(
            .cancel, settings, log, tenant: which.tenant, batch: which.batch, detail: which.description)
        var answer = Answer(dryRun: false)
        do {
            try await cancel(which, view, log, settings.layout, &answer)
        } catch {
            await act.fail(error)
            throw error
        }
        await act.end(
            .done, tasks: answer.selected,
            counts: ["cancelled": answer.cancelled, "ended": answer.ended, "pending": answer.pending])
        return answer
    }

    /// How long the answers to cancels may take.
    private static let patience = Duration.seconds(10)
    /// Cancels whose answers are awaited together.
    private static let mostAwaited = 20_000

    private func cancel(
        _ which: TaskSelection, _ view: any ViewReader, _ log: any MessageLog, _ layout: TopicLayout,
        _ answer: inout Answer
    ) async throws {
        var results = try await ResultFollower(log, layout)
        var result = answer
        var patience = Self.patience
        var awaited: [TaskGeneration] = []
        func wait() async throws {
            let ends = try await results.ends(of: awaited, patience: patience, view)
            awaited = []
            for end in ends {
                switch end {
                case .cancelled: result.cancelled += 1
                case nil: result.pending += 1
                default: result.ended += 1
                }
            }
            // Nobody decides: to wait for others would only take longer.
            if result.pending > 0 { patience = .zero }
        }
        try await which.each(in: view) { tasks in
            result.selected += tasks.count
            _ = try await log.append(
                try tasks.map {
                    try TaskActions.cancelRequest(
                        $0, caller: CommandUser.name.text, at: SystemLogClock.wall, layout)
                })
            awaited += tasks.map(\.task)
            if awaited.count >= Self.mostAwaited { try await wait() }
        }
        try await wait()
        answer = result
    }
}
