import ArgumentParser
import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulReplay
import BackhaulSettings

/// What is done with replays that exist.
extension ReplayCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List replays and discards, the oldest first.",
            discussion: "Example: backhaul replay list --log embedded:///srv/backhaul")

        @Flag(help: "Only those that are not over.")
        var open = false

        @OptionGroup var log: LogOptions

        func run() async throws {
            try await ReplayCommand.withBook(log) { book, _, _ in
                let texts = book.sorted.filter { !open || $0.isOpen }.map(ReplayDocument.init)
                if log.output == .json { return try texts.forEach { try Output.json($0) } }
                if texts.isEmpty { return Output.line("there are no replays") }
                Output.table([ReplayDocument.columns] + texts.map(\.row))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a replay: who, what, why, and how far it is.",
            discussion: "Example: backhaul replay show 20261130-221500-k3f9 --log embedded:///srv/backhaul")

        @Argument(help: "The replay's id.")
        var id: String

        @OptionGroup var log: LogOptions

        func run() async throws {
            try await ReplayCommand.withBook(log) { book, _, _ in
                let text = ReplayDocument(try ReplayCommand.entry(id, book, log))
                if log.output == .json { return try Output.json(text) }
                text.print()
            }
        }
    }

    struct WatchReplay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "watch", abstract: "Follow a replay until its results are there.",
            discussion: """
                Exit code 1 when it has stopped by itself.

                Example: backhaul replay watch 20261130-221500-k3f9 --log embedded:///srv/backhaul
                """)

        @Argument(help: "The replay's id.")
        var id: String

        @OptionGroup var log: LogOptions

        func run() async throws {
            let settings = try log.settings()
            let address = try log.address(settings)
            let session = ReplaySession(log: log, address: address, settings: settings)
            let opened = try await address.open(settings, creates: false)
            let text: ReplayDocument
            do {
                text = ReplayDocument(try await session.follow(id, opened, untilResults: true))
            } catch {
                await opened.close()
                throw error
            }
            await opened.close()
            if log.output == .json { try Output.json(text) } else { text.print() }
            try session.end(text)
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Pause a replay: nothing more is sent.",
            discussion: "Example: backhaul replay pause 20261130-221500-k3f9 --log embedded:///srv/backhaul")

        @Argument(help: "The replay's id.")
        var id: String

        @OptionGroup var log: LogOptions

        func run() async throws { try await ReplayCommand.order(.pause, id, log) }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a replay go on that is paused or has stopped.",
            discussion: """
                Results from before do not count for another stop.

                Example: backhaul replay resume 20261130-221500-k3f9 --log embedded:///srv/backhaul
                """)

        @Argument(help: "The replay's id.")
        var id: String

        @OptionGroup var log: LogOptions

        func run() async throws { try await ReplayCommand.order(.resume, id, log) }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a replay: nothing more is sent. Takes a discard back.",
            discussion: """
                What it has sent goes on; 'backhaul cancel' ends that.

                Example: backhaul replay cancel 20261130-221500-k3f9 --log embedded:///srv/backhaul
                """)

        @Argument(help: "The replay's id.")
        var id: String

        @OptionGroup var log: LogOptions

        func run() async throws { try await ReplayCommand.order(.cancel, id, log) }
    }

    fileprivate static func withBook(
        _ log: LogOptions, _ body: (ReplayBook, any MessageLog, Settings) async throws -> Void
    ) async throws {
        let settings = try log.settings()
        let opened = try await log.address(settings).open(settings, creates: false)
        do {
            try await body(try await settings.replay(opened).book(), opened, settings)
        } catch {
            await opened.close()
            throw error
        }
        await opened.close()
    }

    fileprivate static func entry(
        _ id: String, _ book: ReplayBook, _ log: LogOptions
    ) throws -> ReplayBook.Entry {
        guard let entry = book.entries[id] else {
            let near = NearestName.of(id, among: Array(book.entries.keys)).map { "; did you mean '\($0)'?" } ?? ""
            throw CommandError("replay '\(id)' is unknown; '\(log.hint("replay list"))' shows those that are\(near)")
        }
        return entry
    }

    private static func order(_ kind: ReplayOrder.Kind, _ id: String, _ log: LogOptions) async throws {
        try await withBook(log) { book, opened, settings in
            let entry = try entry(id, book, log)
            let phase = ReplayDocument(entry).phase
            guard entry.takes(kind) else {
                throw CommandError("the \(entry.replay.action.rawValue) '\(id)' is \(phase): it cannot be \(kind.done)")
            }
            let act = await CommandAct(
                entry.replay.action == .discard ? .discard : .replay, settings, opened,
                tenant: entry.replay.selection.tenant,
                batch: entry.replay.selection.batch, detail: "\(kind.rawValue) \(id)")
            do {
                try await settings.replay(opened).order(kind, id, by: CommandUser.name)
            } catch {
                await act.fail(error)
                throw error
            }
            await act.end(.done)
            if log.output == .json {
                return try Output.json(["id": id, "order": kind.rawValue])
            }
            Output.line("\(id) is to be \(kind.done)")
        }
    }
}

extension ReplayOrder.Kind {
    fileprivate var done: String {
        switch self {
        case .pause: "paused"
        case .resume: "resumed"
        case .cancel: "cancelled"
        }
    }
}
