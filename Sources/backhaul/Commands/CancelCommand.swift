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

    @OptionGroup var log: LogOptions

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
        let answer = try await log.viewing { view, opened, settings, address in
            var answer = Answer(dryRun: !yes)
            guard yes else {
                try await which.each(in: view) { answer.selected += $0.count }
                return answer
            }
            let act = await CommandAct(
                .cancel, settings, opened, tenant: which.tenant, batch: which.batch, detail: which.description)
            do {
                try await cancel(which, view, opened, settings, &answer)
            } catch {
                await act.fail(error)
                throw error
            }
            await act.end(
                .done, tasks: answer.selected,
                counts: ["cancelled": answer.cancelled, "ended": answer.ended, "pending": answer.pending])
            if answer.pending > 0 { log.warnWithoutDaemon(address) }
            return answer
        }
        if log.output == .json { return try Output.json(answer) }
        guard yes else {
            return Output.line("would cancel \(answer.selected) tasks; give --yes to cancel them")
        }
        Output.line("cancelled \(answer.cancelled) of \(answer.selected) tasks")
        if answer.ended > 0 { Output.line("\(answer.ended) had ended before") }
        if answer.pending > 0 {
            Output.line("\(answer.pending) are not decided yet; 'backhaul status' shows them")
        }
    }

    /// How long the answers to cancels may take.
    private static let patience = Duration.seconds(10)
    /// Cancels whose answers are awaited together.
    private static let mostAwaited = 20_000

    private func cancel(
        _ which: TaskSelection, _ view: StatusView, _ opened: any MessageLog, _ settings: Settings,
        _ answer: inout Answer
    ) async throws {
        let actions = TaskActions(log: opened, layout: settings.layout, view: view, clock: SystemLogClock())
        var result = answer
        var patience = Self.patience
        var awaited: [TaskGeneration] = []
        func wait() async throws {
            let ends = try await actions.ends(of: awaited, patience: patience)
            awaited = []
            for end in ends {
                switch end {
                case .cancelled: result.cancelled += 1
                case let state? where !state.isTerminal: result.pending += 1
                default: result.ended += 1
                }
            }
            // Nobody decides: to wait for others would only take longer.
            if result.pending > 0 { patience = .zero }
        }
        try await which.each(in: view) { tasks in
            result.selected += tasks.count
            _ = try await opened.append(
                try tasks.map { try actions.cancelRequest($0, caller: CommandUser.name.text) })
            awaited += tasks.map(\.task)
            if awaited.count >= Self.mostAwaited { try await wait() }
        }
        try await wait()
        answer = result
    }
}
