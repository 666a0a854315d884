/// What an audit found. Names are `tenant/taskId/generation`.
package struct AuditReport: Hashable, Sendable, Codable {
    /// Task generations that were accepted: submissions and replays.
    package var accepted = 0
    /// Results, repeated ones counted each.
    package var results = 0
    /// Accepted, without a result and without a place: lost.
    package var missing: [String] = []
    /// Finished tasks that are older than the results that are kept: whatever came of them has aged out.
    package var forgotten = 0
    /// With more than one result.
    package var duplicated: [String] = []
    /// Without a result yet, and where they are.
    package var unfinished: [Place] = []
    /// Records that are not what their topic holds.
    package var malformed = 0
    /// With `--verify`: objects that are not what the newest result for their key says.
    package var corrupted: [Corruption]?
    /// With `--verify`: keys that hold an older accepted content than the newest.
    package var stale: [Corruption]?
    /// With `--verify`: objects that were read and are right.
    package var verified: Int?

    package init() {}

    /// A task generation that is on its way.
    package struct Place: Hashable, Sendable, Codable {
        package var task: String
        package var place: String

        package init(task: String, place: String) {
            self.task = task
            self.place = place
        }
    }

    /// An object that is not what it should be.
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

    /// Whether nothing is lost, doubled or damaged. What is still on its way is neither.
    package var isClean: Bool {
        missing.isEmpty && duplicated.isEmpty && (corrupted ?? []).isEmpty && (stale ?? []).isEmpty
    }
}
