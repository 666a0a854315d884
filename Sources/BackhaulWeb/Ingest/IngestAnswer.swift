internal import BackhaulDomain
internal import BackhaulIngest
internal import BackhaulLog
internal import HTTPTypes

/// What became of a task, as a caller reads it.
struct IngestAnswer: Encodable, Sendable {
    /// `accepted`, or `known` when the log had it already.
    var status: String
    var tenant: ByteText
    var taskId: ByteText
    var generation = 0
    /// Where its record is: a status that is asked with it answers at or after it.
    var topic: String
    var partition: Int
    var offset: Int64
    /// Where an acknowledger was asked: records of the log that its view had not seen. A task among them may have been
    /// accepted twice; it keeps one result.
    var viewLag: Int64?

    init(_ status: String, _ identity: TaskIdentity, _ position: LogPosition, _ viewLag: Int64?) {
        self.viewLag = viewLag
        self.status = status
        tenant = identity.tenant
        taskId = identity.id
        topic = position.partition.topic
        partition = position.partition.partition
        offset = position.offset
    }
}

/// The answer to one line of a batch.
struct LineAnswer: Encodable, Sendable {
    /// Counted from 1.
    var line: Int
    /// As the status of a request with this task alone would be.
    var status: Int
    var task: IngestAnswer?
    var code: String?
    var detail: String?

    init(line: Int, _ result: Result<IngestAnswer, Problem>) {
        self.line = line
        switch result {
        case .success(let answer):
            status = answer.status == "known" ? 200 : 201
            task = answer
        case .failure(let problem):
            status = problem.status.code
            code = problem.code
            detail = problem.detail
        }
    }
}
