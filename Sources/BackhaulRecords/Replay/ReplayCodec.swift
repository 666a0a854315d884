internal import BackhaulDomain
internal import BackhaulUnits
internal import SwiftProtobuf

/// Encodes and decodes what the control topic says of replays and issues.
enum ReplayCodec {
    static func encode(_ replay: ReplayRecord) throws -> [UInt8] {
        var message = Backhaul_V1_Replay()
        message.action =
            switch replay.action {
            case .replay: .replay
            case .discard: .discard
            }
        message.by = replay.by.text
        message.reason = replay.reason
        message.atMs = replay.at.milliseconds
        message.selection = SelectionCodec.message(replay.selection)
        message.topic = replay.topic
        message.letters = ranges(replay.letters)
        message.results = ranges(replay.results.mapValues { 0..<max(0, $0) })
        message.destination = replay.destination?.text ?? ""
        message.canary = UInt32(clamping: replay.pace.canary)
        message.rate = replay.pace.rate ?? 0
        message.rampMs = replay.pace.ramp.inMilliseconds
        message.stopShare = replay.pace.stopShare ?? 0
        message.patienceMs = replay.pace.patience.inMilliseconds
        message.plannedTasks = UInt64(clamping: replay.plannedTasks)
        message.plannedBytes = replay.plannedSize.bytes
        message.migration = replay.migration ?? ""
        var control = Backhaul_V1_Control()
        control.replay = message
        return try control.serializedBytes()
    }

    static func encode(_ state: ReplayState) throws -> [UInt8] {
        var message = Backhaul_V1_ReplayState()
        message.phase =
            switch state.phase {
            case .canary: .canary
            case .sending: .sending
            case .finishing: .finishing
            case .paused: .paused
            case .stopped: .stopped
            case .cancelled: .cancelled
            case .done: .done
            }
        message.reason = state.reason
        message.atMs = state.at.milliseconds
        message.letters = ranges(state.cursors.mapValues { max(0, $0)..<max(0, $0) })
        let counts = state.counts
        message.appended = UInt64(clamping: counts.appended)
        message.appendedBytes = counts.appendedSize.bytes
        message.skipped = UInt64(clamping: counts.skipped)
        message.unusable = UInt64(clamping: counts.unusable)
        message.succeeded = UInt64(clamping: counts.succeeded)
        message.failed = UInt64(clamping: counts.failed)
        message.other = UInt64(clamping: counts.other)
        message.forgiven = UInt64(clamping: state.forgiven)
        message.forgivenFailed = UInt64(clamping: state.forgivenFailed)
        message.canaryPassed = state.canaryPassed
        message.process = state.process
        message.orderOffset = state.orderOffset
        var control = Backhaul_V1_Control()
        control.replayState = message
        return try control.serializedBytes()
    }

    static func encode(_ order: ReplayOrder) throws -> [UInt8] {
        var control = Backhaul_V1_Control()
        control.replayOrder.kind =
            switch order.kind {
            case .pause: .pause
            case .resume: .resume
            case .cancel: .cancel
            }
        control.replayOrder.by = order.by.text
        control.replayOrder.atMs = order.at.milliseconds
        return try control.serializedBytes()
    }

    static func encode(_ mute: IssueMute) throws -> [UInt8] {
        var control = Backhaul_V1_Control()
        control.mute.by = mute.by.text
        control.mute.reason = mute.reason
        control.mute.atMs = mute.at.milliseconds
        return try control.serializedBytes()
    }

    /// - Throws: `RecordError`.
    static func decode(_ bytes: [UInt8], _ key: ControlRecord.Key) throws(RecordError) -> ControlRecord.Content {
        let message = try? Backhaul_V1_Control(serializedBytes: bytes)
        switch (key, message?.request) {
        case (.replay(let id), .replay(let replay)?): return .replay(try value(replay, id))
        case (.replayState, .replayState(let state)?): return .state(try value(state))
        case (.replayOrder, .replayOrder(let order)?): return .order(try value(order))
        case (.mute, .mute(let mute)?):
            return .mute(
                IssueMute(
                    by: name(mute.by), reason: mute.reason,
                    at: try GenerationCodec.time(mute.atMs, "at_ms", of: "mute")))
        case (.turn, _): return .removed
        default: throw .unreadable(what: "control record")
        }
    }

    private static func value(_ message: Backhaul_V1_Replay, _ id: String) throws(RecordError) -> ReplayRecord {
        func fail(_ problem: String) -> RecordError { .invalid(what: "replay", problem: problem) }
        let action: ReplayRecord.Action
        switch message.action {
        case .replay: action = .replay
        case .discard: action = .discard
        case .unspecified, .UNRECOGNIZED: throw .missing(what: "replay", field: "action")
        }
        guard message.rate >= 0, message.rate.isFinite, (0...1).contains(message.stopShare),
            message.rampMs >= 0, message.rampMs <= Domain.longestWait.inMilliseconds, message.patienceMs >= 0,
            message.patienceMs <= Domain.longestWait.inMilliseconds, Domain.counts.contains(Int(message.canary)),
            message.topic.utf8.count <= Domain.longestLabel
        else { throw fail("a number is out of range") }
        var destination: ByteText?
        if !message.destination.isEmpty {
            let name = ByteText(message.destination)
            do {
                try TaskRules.checkName(name, what: "destination")
            } catch {
                throw fail(error.message)
            }
            destination = name
        }
        var replay = ReplayRecord(
            id: id, action: action, by: name(message.by), reason: message.reason,
            at: try GenerationCodec.time(message.atMs, "at_ms", of: "replay"),
            selection: try SelectionCodec.value(message.selection), topic: message.topic,
            letters: try ranges(message.letters), results: try ranges(message.results).mapValues(\.upperBound),
            destination: destination,
            pace: ReplayPace(
                canary: Int(message.canary), patience: .milliseconds(message.patienceMs),
                rate: message.rate > 0 ? message.rate : nil, ramp: .milliseconds(message.rampMs),
                stopShare: message.stopShare > 0 ? message.stopShare : nil),
            plannedTasks: Int(clamping: message.plannedTasks), plannedSize: ByteCount(message.plannedBytes))
        if !message.migration.isEmpty { replay.migration = message.migration.bounded(toBytes: Domain.longestLabel) }
        return replay
    }

    private static func value(_ message: Backhaul_V1_ReplayState) throws(RecordError) -> ReplayState {
        let phase: ReplayState.Phase
        switch message.phase {
        case .canary: phase = .canary
        case .sending: phase = .sending
        case .finishing: phase = .finishing
        case .paused: phase = .paused
        case .stopped: phase = .stopped
        case .cancelled: phase = .cancelled
        case .done: phase = .done
        case .unspecified, .UNRECOGNIZED: throw .missing(what: "replay state", field: "phase")
        }
        var state = ReplayState(
            phase: phase, at: try GenerationCodec.time(message.atMs, "at_ms", of: "replay state"),
            cursors: try ranges(message.letters).mapValues(\.lowerBound))
        state.reason = message.reason.bounded(toBytes: ReplayRecord.longestReason)
        func count(_ number: UInt64) throws(RecordError) -> Int {
            guard let count = Int(exactly: number), count <= 1 << 53 else {
                throw .invalid(what: "replay state", problem: "a count is out of range")
            }
            return count
        }
        state.counts.appended = try count(message.appended)
        state.counts.appendedSize = ByteCount(message.appendedBytes)
        state.counts.skipped = try count(message.skipped)
        state.counts.unusable = try count(message.unusable)
        state.counts.succeeded = try count(message.succeeded)
        state.counts.failed = try count(message.failed)
        state.counts.other = try count(message.other)
        state.forgiven = try count(message.forgiven)
        state.forgivenFailed = try count(message.forgivenFailed)
        state.canaryPassed = message.canaryPassed
        state.process = message.process.bounded(toBytes: Domain.longestLabel)
        state.orderOffset = max(-1, message.orderOffset)
        return state
    }

    private static func value(_ message: Backhaul_V1_ReplayOrder) throws(RecordError) -> ReplayOrder {
        let kind: ReplayOrder.Kind
        switch message.kind {
        case .pause: kind = .pause
        case .resume: kind = .resume
        case .cancel: kind = .cancel
        case .unspecified, .UNRECOGNIZED: throw .missing(what: "replay order", field: "kind")
        }
        return ReplayOrder(
            kind, by: name(message.by), at: try GenerationCodec.time(message.atMs, "at_ms", of: "replay order"))
    }

    private static func name(_ text: String) -> ByteText { ByteText(text.bounded(toBytes: Domain.longestLabel)) }

    private static func ranges(_ ranges: [Int: Range<Int64>]) -> [Backhaul_V1_Replay.Range] {
        ranges.sorted { $0.key < $1.key }.map { partition, range in
            var message = Backhaul_V1_Replay.Range()
            message.partition = UInt32(clamping: partition)
            message.first = range.lowerBound
            message.end = range.upperBound
            return message
        }
    }

    private static func ranges(_ messages: [Backhaul_V1_Replay.Range]) throws(RecordError) -> [Int: Range<Int64>] {
        var ranges: [Int: Range<Int64>] = [:]
        for message in messages {
            guard message.first >= 0, message.end >= message.first else {
                throw .invalid(what: "replay", problem: "a range of offsets is not one")
            }
            ranges[Int(message.partition)] = message.first..<message.end
        }
        return ranges
    }
}
