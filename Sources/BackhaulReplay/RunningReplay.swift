internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits

/// A replay that this process runs.
struct RunningReplay {
    var machine: ReplayMachine
    /// What is in the log.
    var saved: ReplayState?
    var savedAt: Timestamp
    /// nil until letters are needed.
    var judge: (judge: LetterJudge, cursors: [TopicPartition: Int64])?
    /// Results that name no replay: how many were looked at (`ResultTally.strays`), and how many are of this one.
    var straysSeen = 0
    var strays = 0
    /// Whether the log reports its results.
    var isWatched = false
    /// The most tasks of a batch: fewer once the log has refused one.
    var limit = ReplayMachine.largestBatch

    init(_ machine: ReplayMachine, saved: ReplayState?, savedAt: Timestamp) {
        self.machine = machine
        self.saved = saved
        self.savedAt = savedAt
    }

    /// Whether the log has all that matters to the next owner and to people.
    var isSaved: Bool {
        guard var saved else { return false }
        saved.process = machine.state.process
        return saved == machine.state
    }
}

/// Letters that are replayed together.
struct LetterBatch {
    var letters: [DeadLetter] = []
    var requests: [AppendRequest] = []
    /// Of the tasks.
    var size = ByteCount.zero
    /// A letter may be there twice on a log without transactions.
    var names: Set<TaskGeneration> = []
    var skipped = 0
    var unusable = 0
    /// nil where letters were taken from anywhere.
    var cursors: [Int: Int64]?
    var isEnd = false
}
