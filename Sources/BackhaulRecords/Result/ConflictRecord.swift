package import BackhaulDomain
package import BackhaulLog

/// A record of the results topic beside the results: a submission with the id of an earlier one and other content. The
/// log could not refuse it, as both were accepted before either could be seen, and the other one has the result.
package enum ConflictRecord {
    /// The status of its document, which tells of the upload of the submission that came second.
    package static let status = "conflict"
    /// Of schemas/json/conflict.v1.schema.json.
    package static let dataSchema = "urn:backhaul:schema:conflict:v1"

    /// - Parameter outcome: of the submission that came second. Its object may be at the destination.
    package static func request(
        _ outcome: Outcome, partition: Int, _ layout: TopicLayout, trace: String? = nil
    ) throws -> AppendRequest {
        var document = ResultDocument(outcome, trace: trace)
        document.status = status
        document.objectMayExist = outcome.kind == .succeeded || outcome.objectMayExist
        document.verification = nil
        let end = outcome.failure.map { "\(outcome.kind.rawValue): \($0.message)" } ?? outcome.kind.rawValue
        document.failure = ResultFailure(
            kind: status,
            message: "another task was submitted with this id and other content, and has the result; this one ended as "
                + end)
        let task = marker(outcome.task, outcome.fingerprint)
        var headers = CloudEvent.headers(
            outcome.task, status: status, time: document.finishedAt, id: task.description, schema: dataSchema)
        headers.append((HeaderName.fingerprint, Hex.encode(outcome.fingerprint)))
        if let trace { headers += [("ce_traceparent", trace), (HeaderName.trace, trace)] }
        return AppendRequest(
            topic: layout.results, partitioning: .partition(partition),
            record: LogRecord(
                key: Array("\(task.identity.id)/\(task.generation)".utf8), value: try document.encoded(),
                headers: headers.map { LogHeader($0.name, text: $0.text) }),
            traces: SubmissionName.traces(outcome.task))
    }

    /// - Returns: nil for a record that is not one of these.
    package static func read(_ record: LogRecord) -> (document: ResultDocument, fingerprint: [UInt8])? {
        guard record.header("ce_type")?.text == CloudEvent.typePrefix + status + CloudEvent.typeSuffix,
            let document = try? ResultDocument.parse(record.value), document.status == status
        else { return nil }
        let fingerprint = ResultRecord.fingerprint(record)
        return fingerprint.isEmpty ? nil : (document, fingerprint)
    }

    /// A name for one conflict, which no task has: an id contains no slash.
    package static func marker(_ task: TaskGeneration, _ fingerprint: [UInt8]) -> TaskGeneration {
        let id = ByteText("\(task.identity.id)/\(Hex.encode(fingerprint))")
        return TaskGeneration(
            identity: TaskIdentity(tenant: task.identity.tenant, id: id), generation: task.generation)
    }
}
