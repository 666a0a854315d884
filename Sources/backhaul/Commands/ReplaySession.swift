import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulRecords
import BackhaulReplay
import BackhaulSettings
import BackhaulUnits
import Foundation
import Logging

/// Follows a replay, and runs it in this process where an embedded log has no daemon.
struct ReplaySession {
    let log: LogOptions
    let address: LogAddress
    let settings: Settings

    /// How long a replay may wait for a process that runs it.
    private static let patience = Duration.seconds(30)

    /// Follows a replay until nothing more is sent.
    /// - Parameter untilResults: whether to wait for the results, too.
    /// - Throws: `CommandError` with exit code 75 when nobody runs it.
    func follow(_ id: String, _ opened: any MessageLog, untilResults: Bool) async throws -> ReplayBook.Entry {
        let ranHere = try await runHere()
        let changes = await opened.changes()
        let news = Signal()
        return try await withThrowingTaskGroup(of: ReplayBook.Entry?.self) { group in
            group.addTask {
                for await _ in changes { news.raise() }
                return nil
            }
            group.addTask { try await follow(id, opened, untilResults, news, ranHere: ranHere) }
            defer { group.cancelAll() }
            while let ended = try await group.next() { if let ended { return ended } }
            throw LogError.closed
        }
    }

    private func follow(
        _ id: String, _ opened: any MessageLog, _ untilResults: Bool, _ news: Signal, ranHere: Bool
    ) async throws -> ReplayBook.Entry {
        let start = ContinuousClock.now
        let control = TopicPartition(topic: settings.layout.control, partition: 0)
        // What `follow` reads may lack the latest appends.
        var next = try await opened.decided(control)
        var book = ReplayBook()
        try await opened.scan(control, to: next) { for stored in $0 { book.note(stored) } }
        try await opened.watch([control: next])
        var said: ReplayState.Phase?
        var progress = ProgressBar()
        while true {
            next = try await opened.follow(control, from: next) { for stored in $0 { book.note(stored) } }
            guard let entry = book.entries[id] else {
                throw CommandError("replay '\(id)' is unknown; '\(log.hint("replay list"))' shows those that are known")
            }
            if isOver(entry, untilResults) {
                progress.clear()
                return entry
            }
            if let folder = address.folder, entry.state != nil, ranHere || !FolderLock.isHeld(folder: folder) {
                throw CommandError(
                    "replay \(id) waits for results, and no daemon works on the log: it goes on when one runs; "
                        + "'\(log.hint("replay watch \(id)"))' follows it", exit: .temporary)
            }
            if let state = entry.state {
                progress.show(
                    ProgressBar.bar(state.counts.appended, of: max(entry.replay.plannedTasks, state.counts.appended)))
                if state.phase != said, state.phase == .canary {
                    Stderr.say("waiting for the results of the first tasks of each destination")
                }
                said = state.phase
            } else if ContinuousClock.now - start > Self.patience {
                throw CommandError(
                    "replay \(id) is recorded, and nobody has taken it up for \(Self.patience.components.seconds) s: it "
                        + "begins when \(address.folder == nil ? "an acknowledger" : "the daemon") runs; "
                        + "'\(log.hint("replay show \(id)"))' tells",
                    exit: .temporary)
            }
            await news.wait(for: .seconds(1))
        }
    }

    private func isOver(_ entry: ReplayBook.Entry, _ untilResults: Bool) -> Bool {
        switch entry.state?.phase {
        case nil: entry.replay.action == .discard
        case .canary, .sending: false
        case .finishing: !untilResults
        case .paused, .stopped, .cancelled, .done: true
        }
    }

    /// Runs what waits, as long as it needs no results, where no daemon does.
    /// - Returns: whether it did.
    private func runHere() async throws -> Bool {
        guard let folder = address.folder else { return false }
        let owned: EmbeddedLog
        do {
            owned = try EmbeddedLog(
                folder: folder, options: settings.embeddedOptions(owns: true), logger: Logger(label: "backhaul.log"))
        } catch LogError.inUse {
            return false
        }
        let result: Result<Void, any Error>
        do {
            let signed = try settings.signed(owned)
            let runner = settings.replay(signed, clock: owned.clock).runner(
                process: CommandUser.process, logger: Logger(label: "backhaul.replay"))
            result = .success(try await runner.run(whileBusy: true))
        } catch {
            result = .failure(error)
        }
        await owned.close()
        DataFolderOwner.adopt(folder)
        try result.get()
        return true
    }

    /// Says how the replay goes on, and ends the process accordingly.
    /// - Throws: `ProcessExit`.
    func end(_ replay: ReplayDocument, isDetached: Bool = false) throws {
        let hint = log.hint("replay watch \(replay.id)")
        switch replay.phase {
        case "stopped":
            Stderr.say(
                "the replay has stopped: \(replay.phaseReason); '\(log.hint("replay resume \(replay.id)"))' goes on")
            throw ProcessExit.failed
        case "paused", "cancelled": Stderr.say("the replay is \(replay.phase) \(replay.phaseReason)")
        case "finishing": Stderr.say("'\(hint)' waits for the results")
        case _ where isDetached: Stderr.say("'\(hint)' shows how it goes on")
        default: break
        }
    }
}
