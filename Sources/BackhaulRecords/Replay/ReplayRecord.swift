package import BackhaulDomain
package import BackhaulLog
package import BackhaulUnits

/// A record of the control topic: dead letters that are to be submitted again, or discarded. Written once.
package struct ReplayRecord: Hashable, Sendable {
    package enum Action: String, Hashable, Sendable, CaseIterable {
        /// Append the next generation of each letter's task.
        case replay
        /// Leave the letters alone from now on.
        case discard
    }

    /// What a person sees and types.
    package var id: String
    package var action: Action
    /// A caller's name, or `USER@HOST` of a command.
    package var by: ByteText
    package var reason: String
    package var at: Timestamp
    package var selection: LetterSelection
    /// The topic of the letters.
    package var topic: String
    /// The letters that were there, by partition.
    package var letters: [Int: Range<Int64>]
    /// The ends of the partitions of the results: those of the replay come later.
    package var results: [Int: Int64]
    /// The named destination of the new generations; nil for that of the letter.
    package var destination: ByteText?
    package var pace: ReplayPace
    /// What the plan counted.
    package var plannedTasks: Int
    package var plannedSize: ByteCount
    /// The migration that has copied the record from an embedded log; `topic`, `letters` and `results` are of that.
    package var migration: String?

    /// The longest reason, in bytes.
    package static let longestReason = 1_024

    package init(
        id: String, action: Action, by: ByteText, reason: String, at: Timestamp, selection: LetterSelection,
        topic: String, letters: [Int: Range<Int64>], results: [Int: Int64], destination: ByteText? = nil,
        pace: ReplayPace = ReplayPace(), plannedTasks: Int = 0, plannedSize: ByteCount = .zero
    ) {
        self.id = id
        self.action = action
        self.by = by
        self.reason = reason.bounded(toBytes: Self.longestReason)
        self.at = at
        self.selection = selection
        self.topic = topic
        self.letters = letters
        self.results = results
        self.destination = destination
        self.pace = pace
        self.plannedTasks = plannedTasks
        self.plannedSize = plannedSize
    }

    /// Whether the letter was there when the record was made.
    package func covers(_ letter: DeadLetter) -> Bool {
        guard let position = migration == nil ? letter.stored.position : letter.moved?.position,
            migration == letter.moved?.migration || migration == nil
        else { return false }
        return position.partition.topic == topic
            && letters[position.partition.partition]?.contains(position.offset) == true
    }

    package func request(_ layout: TopicLayout) throws -> AppendRequest {
        try ControlRecord.request(.replay(id), try ReplayCodec.encode(self), layout)
    }
}
