/// Names of submissions, as bytes, in a log that refuses known submissions (`RecordIdentity`).
package enum SubmissionName {
    /// The name of a submitted task: generation 0.
    package static func task(_ identity: TaskIdentity) -> [UInt8] {
        Array("\(identity.tenant)\u{0}\(identity.id)".utf8)
    }

    /// The name of a replay: a generation above 0.
    package static func replay(_ task: TaskGeneration) -> [UInt8] {
        Self.task(task.identity) + [0] + Array(String(task.generation).utf8)
    }

    /// The submissions of which a result or dead letter of a generation is a trace: that of the file, and its own
    /// replay.
    package static func traces(_ task: TaskGeneration) -> [[UInt8]] {
        task.generation == 0 ? [Self.task(task.identity)] : [Self.task(task.identity), replay(task)]
    }
}
