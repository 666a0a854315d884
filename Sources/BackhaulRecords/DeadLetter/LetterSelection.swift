package import BackhaulDomain
package import BackhaulUnits

/// Selects dead letters; every given condition must hold.
package struct LetterSelection: Hashable, Sendable {
    package var tenant: ByteText?
    package var batch: ByteText?
    /// Empty for any, as the lists below.
    package var taskIDs: Set<ByteText>
    /// Names, or base URLs.
    package var destinations: [ByteText]
    package var failures: [String]
    package var statuses: [ClosedRange<Int>]
    package var keyPattern: KeyPattern?
    /// Inclusive.
    package var since: Timestamp?
    /// Exclusive.
    package var until: Timestamp?
    package var attempts: ClosedRange<Int>
    package var worker: String?
    /// The id of an issue (`LetterIssue`).
    package var issue: String?

    /// The most task ids of a selection: its record must fit into the log.
    package static let mostTasks = 5_000

    package init(
        tenant: ByteText? = nil, batch: ByteText? = nil, taskIDs: Set<ByteText> = [], destinations: [ByteText] = [],
        failures: [String] = [], statuses: [ClosedRange<Int>] = [], keyPattern: KeyPattern? = nil,
        since: Timestamp? = nil, until: Timestamp? = nil, attempts: ClosedRange<Int> = Domain.counts,
        worker: String? = nil, issue: String? = nil
    ) {
        self.tenant = tenant
        self.batch = batch
        self.taskIDs = taskIDs
        self.destinations = destinations
        self.failures = failures
        self.statuses = statuses
        self.keyPattern = keyPattern
        self.since = since
        self.until = until
        self.attempts = attempts
        self.worker = worker
        self.issue = issue
    }

    package func takes(_ letter: DeadLetter) -> Bool {
        if !failures.isEmpty, !failures.contains(letter.failure) { return false }
        if !statuses.isEmpty {
            guard let status = letter.httpStatus, statuses.contains(where: { $0.contains(status) }) else {
                return false
            }
        }
        if let since, letter.failedAt ?? .earliest < since { return false }
        if let until, letter.failedAt ?? .latest >= until { return false }
        if let worker, letter.worker != worker { return false }
        guard attempts.contains(letter.progress.attempts) else { return false }
        if let issue, LetterIssue.id(of: letter) != issue { return false }
        guard namesTask else { return true }
        guard let task = letter.task else { return false }
        return (tenant ?? task.identity.tenant) == task.identity.tenant && (batch ?? task.batch) == task.batch
            && (taskIDs.isEmpty || taskIDs.contains(task.identity.id))
            && (destinations.isEmpty || destinations.contains(task.destination.label))
            && (keyPattern?.matches(task.destination.key) ?? true)
    }

    private var namesTask: Bool {
        tenant != nil || batch != nil || !taskIDs.isEmpty || !destinations.isEmpty || keyPattern != nil
    }
}

/// What is selected, in words.
extension LetterSelection: CustomStringConvertible {
    package var description: String {
        var parts: [String] = []
        func add(_ name: String, _ value: (some CustomStringConvertible)?) {
            if let value { parts.append("\(name) \(value)") }
        }
        func add(_ name: String, _ values: [String]) {
            if !values.isEmpty { parts.append("\(name) \(values.joined(separator: " or "))") }
        }
        add("tenant", tenant)
        add("batch", batch)
        add("task", taskIDs.count == 1 ? taskIDs.first : nil)
        if taskIDs.count > 1 { parts.append("\(taskIDs.count) named tasks") }
        add("destination", destinations.map(\.text))
        add("failure", failures)
        add("HTTP status", statuses.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)–\($0.upperBound)" })
        add("key", keyPattern?.text)
        add("since", since)
        add("until", until)
        if attempts.lowerBound > Domain.counts.lowerBound { add("attempts at least", attempts.lowerBound) }
        if attempts.upperBound < Domain.counts.upperBound { add("attempts at most", attempts.upperBound) }
        add("worker", worker)
        add("issue", issue)
        return parts.isEmpty ? "all dead letters" : "dead letters of " + parts.joined(separator: ", ")
    }
}
