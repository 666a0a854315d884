package import BackhaulDomain
internal import BackhaulSQLite
package import BackhaulUnits

/// A stored object that is gone or damaged, as its result named it.
package struct LostObject: Hashable, Sendable {
    package var task: TaskGeneration
    package var batch: ByteText
    package var destination: ByteText
    package var key: ByteText
    package var size: ByteCount
    package var acceptedAt: Timestamp
    /// What was found in its place.
    package var message: String

    init(
        task: TaskGeneration, batch: ByteText, place: ObjectPlace, size: ByteCount, acceptedAt: Timestamp,
        message: String
    ) {
        self.task = task
        self.batch = batch
        destination = place.destination
        key = place.key
        self.size = size
        self.acceptedAt = acceptedAt
        self.message = message
    }

    init(_ row: BoundStatement) {
        func text(_ column: Int32) -> ByteText { ByteText(row.text(column) ?? "") }
        task = TaskGeneration(
            identity: TaskIdentity(tenant: text(0), id: text(1)), generation: Int(clamping: row.integer(2)))
        batch = text(3)
        destination = text(4)
        key = text(5)
        size = ByteCount(clamping: row.integer(6))
        acceptedAt = Timestamp(clamping: row.integer(7))
        message = row.text(8) ?? ""
    }

    func bind(to statement: inout BoundStatement) {
        statement.bind(task.identity.tenant.text)
        statement.bind(task.identity.id.text)
        statement.bind(task.generation)
        for text in [batch, destination, key] { statement.bind(text.text) }
        statement.bind(Int64(clamping: size.bytes))
        statement.bind(acceptedAt.milliseconds)
        statement.bind(message)
    }

    /// The outcome that makes the task count as failed.
    package func outcome(at time: Timestamp) -> Outcome {
        Outcome(
            kind: .lost, task: task, batch: batch,
            destination: DestinationReference(target: .named(destination), key: key), attempts: 0, crashes: 0,
            size: size, failure: Failure(.integrity, message), worker: "audit", acceptedAt: acceptedAt,
            startedAt: time, finishedAt: time, objectMayExist: true)
    }
}
