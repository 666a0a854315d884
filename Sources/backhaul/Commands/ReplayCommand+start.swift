import ArgumentParser
import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulRecords
import BackhaulReplay
import BackhaulSettings
import BackhaulUnits
import Foundation
import Logging

extension ReplayCommand {
    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "start", abstract: "Plan a replay, and begin it with --yes.",
            discussion: """
                The plan counts what would be replayed, by cause, and what is left out: replayed before, discarded, or \
                overwritten by another task since.

                Example: backhaul replay --batch trip --failure permanent --yes --log embedded:///srv/backhaul
                """)

        @OptionGroup var which: LetterOptions

        @Flag(help: "Replay them; without this it is a dry run.")
        var yes = false

        @Option(help: "Why, for those who look at it later.")
        var reason = ""

        @Option(
            help: ArgumentHelp(
                "Try so many tasks of each destination first, and go on when they are stored (default: none).",
                valueName: "tasks"))
        var canary = 0

        @Option(
            help: ArgumentHelp("How long the results of the canary may take (default: 10m).", valueName: "duration"))
        var canaryWait: String?

        @Option(help: ArgumentHelp("At most this many tasks per second (default: no limit).", valueName: "tasks"))
        var rate: Double?

        @Option(
            help: ArgumentHelp(
                "Let the rate grow from a tenth to its value in this time (default: at once).", valueName: "duration"))
        var ramp: String?

        @Option(
            help: ArgumentHelp(
                "Stop when this share of the results are failures; 'never' goes on (default: 50%).",
                valueName: "percent"))
        var stopAt: String?

        @Option(help: ArgumentHelp("Send them to this configured destination instead.", valueName: "name"))
        var to: ByteText?

        @Flag(help: "Wait for the results, too.")
        var wait = false

        @Flag(help: "Only record the replay; the daemon or an acknowledger begins it later.")
        var detach = false

        @OptionGroup var log: LogOptions

        private struct Answer: Encodable {
            var plan: PlanDocument
            var replay: ReplayDocument?
            var selected: Int
            var replayed: Int
            var skipped: Int
            var malformed: Int
            var bytes: UInt64
            var dryRun: Bool
        }

        func validate() throws {
            guard rate.map({ $0 > 0 && $0.isFinite }) ?? true else {
                throw ValidationError("--rate takes a number above 0")
            }
            guard Domain.counts.contains(canary) else { throw ValidationError("--canary takes a number from 0") }
            guard !(wait && detach) else { throw ValidationError("--wait and --detach exclude each other") }
        }

        func run() async throws {
            let selection = try which.selection()
            let pace = try pace()
            let settings = try log.settings()
            if let to {
                guard settings.destinations[to] != nil else {
                    throw CommandError(
                        "--to \(to): no destination of that name is configured; "
                            + "'\(log.hint("destinations list"))' shows those that are", exit: .usage)
                }
            }
            let address = try log.address(settings)
            let opened = try await address.open(settings, creates: false)
            let session = ReplaySession(log: log, address: address, settings: settings)
            let result: Result<Answer, any Error>
            do {
                result = .success(try await run(selection, pace, session, opened))
            } catch {
                await opened.close()
                throw error
            }
            await opened.close()
            try await show(result.get(), session)
        }

        private func pace() throws -> ReplayPace {
            ReplayPace(
                canary: canary,
                patience: try DurationArgument.parse(canaryWait, "--canary-wait") ?? ReplayPace.standardPatience,
                rate: rate, ramp: try DurationArgument.parse(ramp, "--ramp") ?? .zero, stopShare: try stopShare())
        }

        private func stopShare() throws -> Double? {
            guard let stopAt else { return ReplayPace().stopShare }
            if stopAt == "never" { return nil }
            let digits = stopAt.hasSuffix("%") ? String(stopAt.dropLast()) : stopAt
            guard let percent = Double(digits), percent > 0, percent <= 100 else {
                throw CommandError("--stop-at \(stopAt): give a percentage such as 20%, or never", exit: .usage)
            }
            return percent / 100
        }

        private func run(
            _ selection: LetterSelection, _ pace: ReplayPace, _ session: ReplaySession, _ opened: any MessageLog
        ) async throws -> Answer {
            let settings = session.settings
            let replay = settings.replay(opened)
            let plan: ReplayPlan
            do {
                plan = try await replay.plan(selection, topic: which.topic)
            } catch LogError.unknownTopic(let topic) {
                throw CommandError("--topic \(topic): the log has no such topic", exit: .usage)
            }
            if plan.letters == 0 { try await which.checkBatch(opened, session.address, settings) }
            var answer = Answer(
                plan: PlanDocument(plan, mutes: try await replay.book().mutes), selected: plan.due, replayed: 0,
                skipped: plan.replayed + plan.superseded + plan.discarded, malformed: plan.unusable,
                bytes: plan.size.bytes, dryRun: !yes)
            guard yes, plan.due > 0 else { return answer }
            let act = await CommandAct(
                .replay, settings, opened, tenant: which.tenant, batch: which.batch,
                detail: [selection.description, reason].filter { !$0.isEmpty }.joined(separator: ": "))
            do {
                let parts = selection.parts
                for part in parts {
                    let own = parts.count == 1 ? plan : try await replay.plan(part, topic: which.topic)
                    let record = try await replay.begin(
                        .replay, part, topic: which.topic, by: CommandUser.name, reason: reason, to: to, pace: pace,
                        plan: own)
                    let entry =
                        detach
                        ? ReplayBook.Entry(replay: record)
                        : try await session.follow(record.id, opened, untilResults: wait)
                    let text = ReplayDocument(entry)
                    answer.replay = text
                    answer.replayed += text.replayed
                    // What stops a part, or an operator who does, means the rest, too.
                    if ["stopped", "cancelled", "paused"].contains(text.phase) { break }
                }
            } catch {
                await act.fail(error)
                throw error
            }
            await act.end(
                .done, tasks: plan.due,
                counts: ["accepted": answer.replayed, "known": answer.skipped, "malformed": answer.malformed])
            return answer
        }

        private func show(_ answer: Answer, _ session: ReplaySession) async throws {
            if log.output == .json {
                try Output.json(answer)
            } else if answer.dryRun || answer.selected == 0 {
                answer.plan.print()
                if answer.dryRun, answer.selected > 0 { Output.line("give --yes to replay them") }
                if answer.selected == 0 { Output.line("nothing to replay") }
            } else if let replay = answer.replay {
                Output.line(
                    "replayed \(answer.replayed) of \(answer.selected) tasks (\(SizeText.format(ByteCount(answer.bytes))))"
                        + ", as \(replay.id)")
                if answer.skipped > 0 { Output.line("\(answer.skipped) were left out: \(answer.plan.leftOut)") }
                if answer.malformed > 0 {
                    Output.line("\(answer.malformed) letters hold no task that can be replayed, and stay")
                }
            }
            if let replay = answer.replay { try session.end(replay, isDetached: detach) }
        }
    }
}

extension LetterSelection {
    /// The same in parts that each fit into a record of the log.
    fileprivate var parts: [LetterSelection] {
        guard taskIDs.count > Self.mostTasks else { return [self] }
        let ids = taskIDs.sorted()
        return stride(from: 0, to: ids.count, by: Self.mostTasks).map { first in
            var part = self
            part.taskIDs = Set(ids[first..<min(first + Self.mostTasks, ids.count)])
            return part
        }
    }
}

extension PlanDocument {
    /// Why letters are left out, in words.
    fileprivate var leftOut: String {
        [
            skipped > 0 ? "\(skipped) replayed before" : nil,
            superseded > 0 ? "\(superseded) overwritten by another task since" : nil,
            discarded > 0 ? "\(discarded) discarded" : nil,
        ].compactMap(\.self).joined(separator: ", ")
    }
}
