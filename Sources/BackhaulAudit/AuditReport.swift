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
    /// Partitions whose records were removed before their readers had read them, and how many at least.
    package var lostUnread: [Unread] = []
    /// Failed tasks without a dead letter: they can neither be looked into nor replayed.
    package var withoutLetter: [String] = []
    /// Records that are not of their topic's kind.
    package var malformed = 0
    /// With `--verify`: objects that their destination does not have.
    package var gone: [Corruption]?
    /// With `--verify`: objects that differ from the newest result for their key.
    package var corrupted: [Corruption]?
    /// With `--verify`: keys that hold an older accepted content than the newest.
    package var stale: [Corruption]?
    /// With `--verify`: stored files whose object another file has replaced.
    package var overwritten: [Corruption]?
    /// With `--verify`: objects whose destination did not answer, or not with the object.
    package var unreachable: [Corruption]?
    /// With `--verify`: keys that were not read: an upload to them is under way, or their destination has not answered
    /// for others.
    package var notLookedAt: Int?
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

    /// Records of a partition that were removed before a group had read them.
    package struct Unread: Hashable, Sendable, Codable {
        package var partition: String
        package var records: Int64

        package init(partition: String, records: Int64) {
            self.partition = partition
            self.records = records
        }
    }

    /// How an audit ends.
    package enum Verdict: String, Hashable, Sendable, Codable {
        /// Every accepted task has its result, and every object that was to be read is right.
        case proven
        /// What has ended and what could be seen is proven; the rest is counted.
        case partly
        /// Nothing could be looked at.
        case notLooked = "not-looked"
        /// Something is lost, damaged or repeated.
        case loss
    }

    package var verdict: Verdict {
        if !isClean { return .loss }
        let unseen = (unreachable?.count ?? 0) + (notLookedAt ?? 0)
        if unseen > 0, verified == 0 { return .notLooked }
        return unseen > 0 || !unfinished.isEmpty || malformed > 0 ? .partly : .proven
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

    /// Whether nothing is lost, repeated, damaged or stale. Unfinished tasks are none of these.
    package var isClean: Bool {
        missing.isEmpty && duplicated.isEmpty && lostUnread.isEmpty && withoutLetter.isEmpty
            && [gone, corrupted, stale, overwritten].allSatisfy { ($0 ?? []).isEmpty }
    }
}
