internal import BackhaulDomain
package import BackhaulRecords
internal import BackhaulUnits

/// What a replay would do, for people and programs.
package struct PlanDocument: Encodable {
    package var letters: Int
    /// Tasks that would be replayed, and the bytes of their files.
    package var selected: Int
    package var bytes: UInt64
    /// Replayed before; `succeeded` of them have been stored since.
    package var skipped: Int
    package var succeeded: Int
    /// Another task has stored an object under the same key since.
    package var superseded: Int
    package var discarded: Int
    /// Letters that hold no task that can be replayed.
    package var malformed: Int
    @Nullable package var oldest: String?
    @Nullable package var newest: String?
    package var issues: [IssueDocument]

    package init(_ plan: ReplayPlan, mutes: [String: IssueMute] = [:]) {
        letters = plan.letters
        selected = plan.due
        bytes = plan.size.bytes
        skipped = plan.replayed
        succeeded = plan.succeeded
        superseded = plan.superseded
        discarded = plan.discarded
        malformed = plan.unusable
        _oldest = Nullable(wrappedValue: plan.oldest.map(TimeText.format))
        _newest = Nullable(wrappedValue: plan.newest.map(TimeText.format))
        issues = plan.groups.map { IssueDocument($0, mute: mutes[$0.issue.id]) }
    }
}
