package import BackhaulDomain
internal import BackhaulUnits

extension ResultDocument {
    /// The outcome that the result was recorded for; nil when its status is not terminal.
    ///
    /// A result has only the label of its destination, not whether that was a name: a label with a scheme is a URL. Of
    /// the file's modification time it has milliseconds.
    /// - Parameter fingerprint: what was submitted, from the record's header (`ResultRecord.fingerprint`).
    package func outcome(_ fingerprint: [UInt8]) -> Outcome? {
        guard let kind = OutcomeKind(rawValue: status), kind.isTerminal else { return nil }
        let isURL = destination.text.contains("://")
        var outcome = Outcome(
            kind: kind, task: task, batch: batch,
            destination: DestinationReference(target: isURL ? .url(destination) : .named(destination), key: key),
            attempts: attempts, crashes: crashes, size: ByteCount(bytes), sha256: sha256 ?? "",
            verification: verification ?? "",
            failure: failure.map {
                Failure(FailureClass(rawValue: $0.kind) ?? .permanent, $0.message, httpStatus: $0.httpStatus)
            }, worker: worker, acceptedAt: TimeText.timestamp(acceptedAt), startedAt: TimeText.timestamp(startedAt),
            finishedAt: TimeText.timestamp(finishedAt), objectMayExist: objectMayExist,
            submittedBy: ByteText(submittedBy ?? ""))
        outcome.modifiedAt = modifiedAt.flatMap(TimeText.parse)
        outcome.permissions = mode.flatMap { UInt32($0, radix: 8) }.flatMap { $0 <= 0o777 ? $0 : nil }
        outcome.fingerprint = fingerprint
        outcome.facts = facts
        return outcome
    }

    private var facts: OutcomeFacts {
        var facts = OutcomeFacts(
            contentType: contentType ?? "", replay: replay ?? "", bytesResumed: ByteCount(bytesResumed ?? 0),
            wasStored: wasStored ?? false, origin: origin ?? "", version: workerVersion ?? "")
        if let sourceRoot, let sourcePath {
            facts.source = SourceReference(root: ByteText(sourceRoot), path: ByteText(sourcePath))
        }
        facts.effort = TaskEffort(
            firstAttemptAt: firstAttemptAt.map(TimeText.timestamp),
            uploading: .milliseconds(min(uploadMs ?? 0, Domain.longestWait.inMilliseconds)),
            bytesSent: ByteCount(bytesSent ?? 0))
        // Their messages and workers are not in the result.
        facts.failures = (retries ?? []).map {
            AttemptRecord(
                attempt: $0.attempt, at: TimeText.timestamp($0.at), failure: $0.kind, message: "",
                httpStatus: $0.httpStatus, worker: "")
        }
        return facts
    }
}
