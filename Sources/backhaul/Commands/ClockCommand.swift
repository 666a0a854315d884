import ArgumentParser
import BackhaulEmbedded
import BackhaulLog
import BackhaulRecords
import BackhaulUnits

/// Shows the time of an embedded log, and lets an operator settle a jump of the machine's clock.
struct ClockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clock",
        abstract: "Show the time of an embedded log, and settle a jump of the machine's clock.",
        discussion: """
            Records age by the log's own time, which a jump of the machine's clock does not move. A jump follows a \
            wrong date, a dead battery, or more time off than a tenth of the shortest retention. Until it is settled, \
            nothing is deleted because of it.

            Examples:
              backhaul clock --log embedded:///srv/backhaul             # show both clocks
              backhaul clock --passed --log embedded:///srv/backhaul    # the time has passed: records age by the jump
              backhaul clock --wrong --log embedded:///srv/backhaul     # the clock was wrong and is now correct
            """)

    /// What `clock` prints.
    private struct Shown: Encodable {
        var logTime: String
        var machineTime: String
        var jumpSeconds: Int64
    }

    @Flag(help: "The time of the jump has passed: all records in the log age by it.")
    var passed = false

    @Flag(help: "The clock was wrong and is now correct: no record ages.")
    var wrong = false

    @OptionGroup var log: LogOptions

    func validate() throws {
        guard !passed || !wrong else { throw ValidationError("give --passed or --wrong, not both") }
    }

    func run() async throws {
        let settings = try log.settings()
        let address = try log.address(settings)
        guard let folder = address.folder else {
            throw CommandError("a Kafka log's records have the brokers' time; set the brokers' clocks", exit: .usage)
        }
        let opened = try await address.open(settings, creates: false)
        let unsigned = (opened as? SignedLog)?.base ?? opened
        guard let embedded = unsigned as? EmbeddedLog else { throw LogError.unsupported("it has no time of its own") }
        let state = embedded.clockState
        if passed || wrong {
            guard state.jump != .zero else {
                await opened.close()
                throw CommandError("the machine's clock has not jumped; there is nothing to settle")
            }
            let act = await CommandAct(
                .clock, settings, opened,
                detail: "a jump of \(state.jump.components.seconds) s \(passed ? "has passed" : "is wrong")")
            try await embedded.settleJump(hasPassed: passed)
            await act.end(.done)
        }
        await opened.close()
        if log.output == .json {
            return try Output.json(
                Shown(
                    logTime: TimeText.format(state.time), machineTime: TimeText.format(state.wall),
                    jumpSeconds: state.jump.components.seconds))
        }
        Output.table([
            ["log's time", TimeText.format(state.time)], ["machine's time", TimeText.format(state.wall)],
            ["jump", state.jump == .zero ? "none" : "\(state.jump.components.seconds) s"],
        ])
        if passed || wrong {
            Stderr.say(
                FolderLock.isHeld(folder: folder)
                    ? "the daemon applies it within 15 s" : "it is applied when 'backhaul standalone' starts")
        }
    }
}
