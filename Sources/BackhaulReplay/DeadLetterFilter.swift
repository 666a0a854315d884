package import BackhaulDomain
package import BackhaulRecords
package import BackhaulUnits

/// Selects dead letters; every given condition must hold.
package struct DeadLetterFilter: Hashable, Sendable {
    package var batch: ByteText?
    package var tenant: ByteText?
    package var taskID: ByteText?
    package var destination: ByteText?
    package var failure: String?
    /// Inclusive.
    package var since: Timestamp?
    /// Exclusive.
    package var until: Timestamp?

    package init(
        batch: ByteText? = nil, tenant: ByteText? = nil, taskID: ByteText? = nil, destination: ByteText? = nil,
        failure: String? = nil, since: Timestamp? = nil, until: Timestamp? = nil
    ) {
        self.batch = batch
        self.tenant = tenant
        self.taskID = taskID
        self.destination = destination
        self.failure = failure
        self.since = since
        self.until = until
    }

    package func takes(_ letter: DeadLetter) -> Bool {
        if let failure, letter.failure != failure { return false }
        if let since, letter.failedAt ?? .earliest < since { return false }
        if let until, letter.failedAt ?? .latest >= until { return false }
        guard batch != nil || tenant != nil || taskID != nil || destination != nil else { return true }
        guard let task = letter.task else { return false }
        return (batch ?? task.batch) == task.batch && (tenant ?? task.identity.tenant) == task.identity.tenant
            && (taskID ?? task.identity.id) == task.identity.id
            && (destination ?? task.destination.label) == task.destination.label
    }
}
