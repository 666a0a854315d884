internal import BackhaulDomain
internal import BackhaulUnits

/// Encodes and decodes selections: `backhaul.v1.LetterSelection`.
enum SelectionCodec {
    static func message(_ selection: LetterSelection) -> Backhaul_V1_LetterSelection {
        var message = Backhaul_V1_LetterSelection()
        message.tenant = selection.tenant?.text ?? ""
        if let batch = selection.batch { message.batch = batch.text }
        message.taskIds = selection.taskIDs.sorted().map(\.text)
        message.destinations = selection.destinations.map(\.text)
        message.failures = selection.failures
        message.httpStatuses = selection.statuses.map { range in
            var message = Backhaul_V1_LetterSelection.StatusRange()
            message.first = UInt32(clamping: range.lowerBound)
            message.last = UInt32(clamping: range.upperBound)
            return message
        }
        message.keyPattern = selection.keyPattern?.text ?? ""
        if let since = selection.since { message.sinceMs = since.milliseconds }
        if let until = selection.until { message.untilMs = until.milliseconds }
        message.minAttempts = UInt32(clamping: selection.attempts.lowerBound)
        let most = selection.attempts.upperBound
        if most < Domain.counts.upperBound { message.maxAttempts = UInt32(clamping: most) }
        if let worker = selection.worker { message.worker = worker }
        if let issue = selection.issue { message.issue = issue }
        return message
    }

    /// - Throws: `RecordError`.
    static func value(_ message: Backhaul_V1_LetterSelection) throws(RecordError) -> LetterSelection {
        func fail(_ problem: String) -> RecordError { .invalid(what: "selection", problem: problem) }
        func text(_ text: String) -> String? { text.isEmpty ? nil : text }
        var statuses: [ClosedRange<Int>] = []
        for range in message.httpStatuses {
            guard range.first <= range.last, Domain.statuses.contains(Int(range.first)),
                Domain.statuses.contains(Int(range.last))
            else { throw fail("a range of HTTP statuses is not one") }
            statuses.append(Int(range.first)...Int(range.last))
        }
        let least = try GenerationCodec.count(message.minAttempts, "selection")
        let most =
            !message.hasMaxAttempts
            ? Domain.counts.upperBound : try GenerationCodec.count(message.maxAttempts, "selection")
        guard least <= most else { throw fail("attempts are not a range") }
        guard message.taskIds.count <= LetterSelection.mostTasks else { throw fail("it names too many tasks") }
        func pattern(_ text: String) throws(RecordError) -> KeyPattern? {
            guard !text.isEmpty else { return nil }
            guard let pattern = KeyPattern(text) else { throw fail("the key's pattern is too long") }
            return pattern
        }
        return LetterSelection(
            tenant: text(message.tenant).map { ByteText($0) }, batch: message.hasBatch ? ByteText(message.batch) : nil,
            taskIDs: Set(message.taskIds.map { ByteText($0) }), destinations: message.destinations.map { ByteText($0) },
            failures: message.failures, statuses: statuses, keyPattern: try pattern(message.keyPattern),
            since: !message.hasSinceMs ? nil : try GenerationCodec.time(message.sinceMs, "since_ms", of: "selection"),
            until: !message.hasUntilMs ? nil : try GenerationCodec.time(message.untilMs, "until_ms", of: "selection"),
            attempts: least...most, worker: message.hasWorker ? message.worker : nil,
            issue: message.hasIssue ? message.issue : nil)
    }
}
