internal import BackhaulDomain
package import BackhaulRecords
internal import BackhaulUnits

/// A replay, for people and programs.
package struct ReplayDocument: Encodable {
    package var id: String
    /// replay or discard.
    package var action: String
    /// waiting, canary, sending, finishing, paused, stopped, cancelled or done.
    package var phase: String
    package var phaseReason: String
    package var by: String
    package var reason: String
    package var at: String
    package var selection: String
    package var planned: Int
    package var plannedBytes: UInt64
    package var replayed: Int
    package var replayedBytes: UInt64
    package var skipped: Int
    package var malformed: Int
    package var succeeded: Int
    package var failed: Int
    package var otherResults: Int
    @Nullable package var destination: String?
    package var process: String
    package var changedAt: String

    package init(_ entry: ReplayBook.Entry) {
        let (replay, state) = (entry.replay, entry.state)
        let counts = state?.counts ?? ReplayState.Counts()
        id = replay.id
        action = replay.action.rawValue
        phase = replay.action == .discard && !entry.isDiscard ? "cancelled" : entry.phase
        phaseReason = state?.reason ?? ""
        by = replay.by.text
        reason = replay.reason
        at = TimeText.format(replay.at)
        selection = replay.selection.description
        planned = replay.plannedTasks
        plannedBytes = replay.plannedSize.bytes
        replayed = counts.appended
        replayedBytes = counts.appendedSize.bytes
        skipped = counts.skipped
        malformed = counts.unusable
        succeeded = counts.succeeded
        failed = counts.failed
        otherResults = counts.other
        _destination = Nullable(wrappedValue: replay.destination?.text)
        process = state?.process ?? ""
        changedAt = TimeText.format(state?.at ?? replay.at)
    }
}
