internal import BackhaulDomain
internal import BackhaulIngest
internal import BackhaulLog
internal import HTTPTypes

/// The result of submitting a task, as sent to the caller.
struct IngestAnswer: Encodable, Sendable {
    /// `accepted`, or `known` when the log already had it.
    var status: String
    var tenant: ByteText
    var taskId: ByteText
    var generation = 0
    /// What has become of a known task; missing where that is not known.
    var state: String?
    /// The position of its record. A status request with this position as `after` answers at or after it.
    var topic: String
    var partition: Int
    var offset: Int64
    /// When an acknowledger was queried: records of the log that its view had not read. A task among them may be
    /// accepted twice; it still has one result.
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
    /// The status that a request with this task alone would get.
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
