import ArgumentParser
import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulReplay
import BackhaulSettings

extension DeadLetters {
    struct Issues: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Group dead letters by cause: destination, failure, HTTP status and message.",
            discussion: """
                Counts letters that a replay would take; what was replayed, discarded or overwritten since is done with.

                Example: backhaul dead-letters issues --log embedded:///srv/backhaul
                """)

        @OptionGroup var which: LetterOptions

        @Flag(help: "Also issues that are muted, and those of which nothing is left to do.")
        var all = false

        @OptionGroup var log: LogOptions

        func run() async throws {
            let selection = try which.selection()
            let settings = try log.settings()
            let address = try log.address(settings)
            let opened = try await address.open(settings, creates: false)
            do {
                let replay = settings.replay(opened)
                let plan = try await replay.plan(selection, topic: which.topic)
                if plan.letters == 0 { try await which.checkBatch(opened, address, settings) }
                let text = PlanDocument(plan, mutes: try await replay.book().mutes)
                let shown = text.issues.filter { all || ($0.mutedBy == nil && $0.needsSomebody) }
                if log.output == .json {
                    for issue in shown { try Output.json(issue) }
                } else if shown.isEmpty {
                    Output.line("there are no issues")
                } else {
                    IssueDocument.print(shown)
                }
                let muted = text.issues.count { $0.mutedBy != nil }
                if !all, muted > 0 { Stderr.say("\(muted) issues are muted; --all shows them") }
            } catch {
                await opened.close()
                throw error
            }
            await opened.close()
        }
    }

    struct Mute: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hide an issue; its letters stay and can be replayed.",
            discussion: "Example: backhaul dead-letters mute 3f9c0a1b2d4e --reason 'known, see ticket 12'")

        @Argument(help: "The issue's id.")
        var issue: String

        @Option(help: "Why.")
        var reason: String

        @OptionGroup var log: LogOptions

        func run() async throws { try await DeadLetters.mute(issue, reason, log) }
    }

    struct Unmute: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show an issue again.", discussion: "Example: backhaul dead-letters unmute 3f9c0a1b2d4e")

        @Argument(help: "The issue's id.")
        var issue: String

        @OptionGroup var log: LogOptions

        func run() async throws { try await DeadLetters.mute(issue, nil, log) }
    }

    /// - Parameter reason: nil shows the issue again.
    private static func mute(_ issue: String, _ reason: String?, _ log: LogOptions) async throws {
        guard issue.utf8.count == 12, Hex.decode(issue) != nil else {
            throw CommandError(
                "'\(issue)' is not the id of an issue: twelve hex digits, as '\(log.hint("dead-letters issues"))' shows",
                exit: .usage)
        }
        let settings = try log.settings()
        let opened = try await log.address(settings).open(settings, creates: false)
        do {
            let replay = settings.replay(opened)
            if reason == nil {
                guard try await replay.book().mutes[issue] != nil else {
                    throw CommandError("issue \(issue) is not muted")
                }
            }
            let act = await CommandAct(
                .mute, settings, opened, detail: reason.map { "mute \(issue): \($0)" } ?? "unmute \(issue)")
            do {
                try await replay.mute(
                    issue, reason.map { IssueMute(by: CommandUser.name, reason: $0, at: SystemLogClock.wall) })
            } catch {
                await act.fail(error)
                throw error
            }
            await act.end(.done)
        } catch {
            await opened.close()
            throw error
        }
        await opened.close()
        Output.line("issue \(issue) is \(reason == nil ? "shown again" : "muted")")
    }

    struct Discard: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Leave dead letters alone from now on: no replay takes them.",
            discussion: """
                Without --yes it only counts. The letters stay in the log as long as others; 'backhaul replay cancel ID' \
                takes the discard back.

                Example: backhaul dead-letters discard --failure source-gone --reason 'files deleted on purpose' --yes
                """)

        @OptionGroup var which: LetterOptions

        @Flag(help: "Discard them; without this it is a dry run.")
        var yes = false

        @Option(help: "Why.")
        var reason: String

        @OptionGroup var log: LogOptions

        private struct Answer: Encodable {
            var plan: PlanDocument
            @Nullable var id: String? = nil
            var dryRun: Bool

            init(_ plan: PlanDocument, dryRun: Bool) {
                self.plan = plan
                self.dryRun = dryRun
            }
        }

        func run() async throws {
            let selection = try which.selection()
            guard selection.taskIDs.count <= LetterSelection.mostTasks else {
                throw CommandError("at most \(LetterSelection.mostTasks) tasks can be named at once", exit: .usage)
            }
            let settings = try log.settings()
            let address = try log.address(settings)
            let opened = try await address.open(settings, creates: false)
            do {
                try await run(selection, opened, address, settings)
            } catch {
                await opened.close()
                throw error
            }
            await opened.close()
        }

        private func run(
            _ selection: LetterSelection, _ opened: any MessageLog, _ address: LogAddress, _ settings: Settings
        ) async throws {
            let replay = settings.replay(opened)
            let plan = try await replay.plan(selection, topic: which.topic)
            if plan.letters == 0 { try await which.checkBatch(opened, address, settings) }
            var answer = Answer(PlanDocument(plan), dryRun: !yes)
            let count = plan.due + plan.superseded + plan.unusable
            if yes, count > 0 {
                let act = await CommandAct(
                    .discard, settings, opened, tenant: which.tenant, batch: which.batch,
                    detail: "\(selection): \(reason)")
                do {
                    answer.id = try await replay.begin(
                        .discard, selection, topic: which.topic, by: CommandUser.name, reason: reason, plan: plan
                    ).id
                } catch {
                    await act.fail(error)
                    throw error
                }
                await act.end(.done, tasks: count)
            }
            if log.output == .json { return try Output.json(answer) }
            if let id = answer.id {
                Output.line("discarded \(count) letters, as \(id); '\(log.hint("replay cancel \(id)"))' takes it back")
            } else {
                answer.plan.print()
                Output.line(count > 0 ? "give --yes to discard \(count) of them" : "nothing to discard")
            }
        }
    }
}

extension IssueDocument {
    /// Whether a letter is left that no replay, discard or other task has dealt with.
    fileprivate var needsSomebody: Bool { open > 0 }
}
