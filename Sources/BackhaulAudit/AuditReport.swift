/// The findings of an audit. Names are `tenant/taskId/generation`.
package struct AuditReport: Hashable, Sendable, Codable {
    /// Task generations that were accepted: submissions and replays.
    package var accepted = 0
    /// Results, counting each repetition.
    package var results = 0
    /// Accepted tasks with neither a result nor a stage where they are in progress: lost.
    package var missing: [String] = []
    /// Tasks that are older than the results that are kept: their results may have aged out.
    package var forgotten = 0
    /// Tasks with more than one result.
    package var duplicated: [String] = []
    /// Tasks without a result yet, and their stage.
    package var unfinished: [Place] = []
    /// Records that are not of their topic's kind.
    package var malformed = 0
    /// With `--verify`: objects that differ from the newest result for their key.
    package var corrupted: [Corruption]?
    /// With `--verify`: keys that hold an older accepted content than the newest.
    package var stale: [Corruption]?
    /// With `--verify`: objects that were read and are correct.
    package var verified: Int?

    package init() {}

    /// A task generation that is in progress, and its stage.
    package struct Place: Hashable, Sendable, Codable {
        package var task: String
        package var place: String

        package init(task: String, place: String) {
            self.task = task
            self.place = place
        }
    }

    /// An object that differs from what is expected.
    package struct Corruption: Hashable, Sendable, Codable {
        package var task: String
        package var destination: String
        package var key: String
        package var expected: String
        package var found: String

        package init(task: String, destination: String, key: String, expected: String, found: String) {
            self.task = task
            self.destination = destination
            self.key = key
            self.expected = expected
            self.found = found
        }
    }

    /// Whether nothing is lost, duplicated, damaged or stale. Unfinished tasks are none of these.
    package var isClean: Bool {
        missing.isEmpty && duplicated.isEmpty && (corrupted ?? []).isEmpty && (stale ?? []).isEmpty
    }
}
