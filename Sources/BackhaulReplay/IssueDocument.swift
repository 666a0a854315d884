internal import BackhaulDomain
package import BackhaulRecords
internal import BackhaulUnits

/// An issue, for people and programs.
package struct IssueDocument: Encodable {
    package var issue: String
    package var letters: Int
    package var selected: Int
    /// Letters that nothing has dealt with: those that can be replayed, and those without a task.
    package var open: Int
    package var bytes: UInt64
    package var failure: String
    @Nullable package var httpStatus: Int?
    @Nullable package var destination: String?
    package var message: String
    package var oldest: String
    package var newest: String
    /// Letters in each of the last 24 hours, the latest hour last.
    package var hours: [Int]
    package var example: Example
    @Nullable package var mutedBy: String?
    @Nullable package var mutedBecause: String?

    package struct Example: Encodable {
        @Nullable package var tenant: String?
        @Nullable package var taskId: String?
        @Nullable package var key: String?
        package var message: String
        package var attempts: Int

        package init(_ example: ReplayPlan.Example) {
            _tenant = Nullable(wrappedValue: example.task?.identity.tenant.text)
            _taskId = Nullable(wrappedValue: example.task?.identity.id.text)
            _key = Nullable(wrappedValue: example.key?.text)
            message = example.message
            attempts = example.attempts
        }
    }

    package init(_ group: ReplayPlan.Group, mute: IssueMute?) {
        issue = group.issue.id
        letters = group.letters
        selected = group.due
        open = group.open
        bytes = group.size.bytes
        failure = group.issue.failure
        _httpStatus = Nullable(wrappedValue: group.issue.httpStatus)
        _destination = Nullable(wrappedValue: group.issue.destination?.text)
        message = group.issue.shape
        oldest = TimeText.format(group.oldest)
        newest = TimeText.format(group.newest)
        hours = group.hours
        example = Example(group.example)
        _mutedBy = Nullable(wrappedValue: mute?.by.text)
        _mutedBecause = Nullable(wrappedValue: mute?.reason)
    }
}
