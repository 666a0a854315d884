/// The names under which a log that refuses known submissions keeps them (`RecordIdentity`), as bytes.
package enum SubmissionName {
    /// Of a task as it was handed in: generation 0.
    package static func task(_ identity: TaskIdentity) -> [UInt8] {
        Array("\(identity.tenant)\u{0}\(identity.id)".utf8)
    }

    /// Of a replay: a generation above 0.
    package static func replay(_ task: TaskGeneration) -> [UInt8] {
        Self.task(task.identity) + [0] + Array(String(task.generation).utf8)
    }

    /// What a result or a dead letter of a generation is a trace of: the file's submission, and its own replay.
    package static func traces(_ task: TaskGeneration) -> [[UInt8]] {
        task.generation == 0 ? [Self.task(task.identity)] : [Self.task(task.identity), replay(task)]
    }
}
