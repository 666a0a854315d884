/// What a replay does with a dead letter.
package enum LetterJudgement: Hashable, Sendable {
    /// Its task can be replayed.
    case due
    /// Its next generation is there already.
    case replayed
    /// As `replayed`, and a later generation has succeeded.
    case succeeded
    /// Another task has stored an object under the same key since: this one would overwrite it.
    case superseded
    /// An operator has discarded it.
    case discarded(id: String)
    /// It holds no task, or one of the last generation.
    case unusable
}
