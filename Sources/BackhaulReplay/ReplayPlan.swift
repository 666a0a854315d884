package import BackhaulDomain
internal import BackhaulLog
package import BackhaulRecords
package import BackhaulUnits

/// What a replay would do: counts and sizes by issue, from judged letters.
package struct ReplayPlan: Hashable, Sendable {
    /// Letters of one cause.
    package struct Group: Hashable, Sendable {
        package var issue: LetterIssue
        package var letters = 0
        /// Of these, those that a replay takes.
        package var due = 0
        /// Letters that nothing has dealt with: those that are due, and those without a task.
        package var open = 0
        package var size = ByteCount.zero
        package var oldest: Timestamp
        package var newest: Timestamp
        /// How many failed in each of the last 24 hours, the latest hour last.
        package var hours = [Int](repeating: 0, count: 24)
        /// The latest of them.
        package var example: Example
    }

    package struct Example: Hashable, Sendable {
        package var task: TaskGeneration?
        package var key: ByteText?
        package var message: String
        package var attempts: Int

        init(_ letter: DeadLetter) {
            task = letter.generation
            key = letter.task?.destination.key
            message = letter.message
            attempts = letter.progress.attempts
        }
    }

    /// Letters that are selected.
    package private(set) var letters = 0
    /// Of these, those that a replay takes, and the sizes of their files.
    package private(set) var due = 0
    package private(set) var size = ByteCount.zero
    package private(set) var replayed = 0
    /// Of `replayed`, those whose task has succeeded since.
    package private(set) var succeeded = 0
    package private(set) var superseded = 0
    package private(set) var discarded = 0
    package private(set) var unusable = 0
    /// Letters of issues beyond `mostGroups`.
    package private(set) var ungrouped = 0
    package private(set) var oldest: Timestamp?
    package private(set) var newest: Timestamp?
    private var byIssue: [LetterIssue: Group] = [:]
    private let now: Timestamp

    /// The most issues: messages come from servers, which may make up any number.
    package static let mostGroups = 1_000

    /// - Parameter now: the end of the last of the hours.
    package init(now: Timestamp) {
        self.now = now
    }

    /// Most letters first.
    package var groups: [Group] {
        byIssue.values.sorted { ($1.letters, $0.issue.id) < ($0.letters, $1.issue.id) }
    }

    package mutating func add(_ letter: DeadLetter, _ judgement: LetterJudgement) {
        letters += 1
        let failedAt = letter.failedAt ?? letter.stored.appendedAt
        oldest = min(oldest ?? failedAt, failedAt)
        newest = max(newest ?? failedAt, failedAt)
        let letterSize = letter.task?.size ?? .zero
        let isDue = judgement == .due
        switch judgement {
        case .due:
            due += 1
            size += letterSize
        case .replayed: replayed += 1
        case .succeeded:
            replayed += 1
            succeeded += 1
        case .superseded: superseded += 1
        case .discarded: discarded += 1
        case .unusable: unusable += 1
        }
        let issue = LetterIssue(letter)
        guard byIssue[issue] != nil || byIssue.count < Self.mostGroups else {
            ungrouped += 1
            return
        }
        var group =
            byIssue.removeValue(forKey: issue)
            ?? Group(issue: issue, oldest: failedAt, newest: failedAt, example: Example(letter))
        group.letters += 1
        if isDue || judgement == .unusable { group.open += 1 }
        if isDue {
            group.due += 1
            group.size += letterSize
        }
        group.oldest = min(group.oldest, failedAt)
        if failedAt >= group.newest {
            group.newest = failedAt
            group.example = Example(letter)
        }
        let hour = (now - failedAt).inMilliseconds / 3_600_000
        if now >= failedAt, hour < 24 { group.hours[23 - Int(hour)] += 1 }
        byIssue[issue] = group
    }
}
