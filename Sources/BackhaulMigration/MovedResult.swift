internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords

/// A result as it is copied: as the outcome that it was recorded for.
struct MovedResult {
    let outcome: Outcome
    let request: AppendRequest

    /// nil for a record that is not a result, and for one whose outcome an acknowledger would not take: anybody may
    /// have written it.
    /// - Parameter submitted: what was submitted under the task's name, where the source knows it (`TaskFingerprint`).
    init?(_ record: LogRecord, submitted: [UInt8]? = nil, _ layout: TopicLayout) {
        guard let document = try? ResultRecord.read(record) else { return nil }
        let own = ResultRecord.fingerprint(record)
        // A replay may have had another destination than the submission that the log remembers.
        let fingerprint = own.isEmpty && document.generation == 0 ? submitted ?? [] : own
        guard let outcome = document.outcome(fingerprint.count == TaskFingerprint.size ? fingerprint : []),
            let request = try? OutcomeRecord.request(outcome, layout, trace: HeaderName.trace(of: record)),
            (try? OutcomeRecord.read(request.record)) != nil
        else { return nil }
        self.outcome = outcome
        self.request = request
    }
}
