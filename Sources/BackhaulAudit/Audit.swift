package import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits

/// Proves conservation: every accepted task generation has exactly one result, or a stage where it is in progress.
/// Reads topics, never a view.
///
/// The order of the reads makes it correct on a live log:
/// 1. The ends of the task topics; later records are not audited.
/// 2. The positions of the groups.
/// 3. Everything downstream, up to its end at that time. A task that finished before its position was read has its
///    records downstream by then, since settle writes both in one step.
/// 4. What seems missing is searched for beyond the ends of the first pass, since it may have moved between two
///    reads.
package struct Audit: Sendable {
    private let log: any MessageLog
    private let layout: TopicLayout
    private let database: AuditDatabase
    private let scope: AuditScope
    private let progress: @Sendable (AuditProgress) -> Void

    /// - Parameter database: an empty one, which then has the findings.
    package init(
        log: any MessageLog, layout: TopicLayout, database: AuditDatabase, scope: AuditScope = AuditScope(),
        progress: @escaping @Sendable (AuditProgress) -> Void = { _ in }
    ) {
        self.log = log
        self.layout = layout
        self.database = database
        self.scope = scope
        self.progress = progress
    }

    /// What one run counts.
    private struct Run {
        var report = AuditReport()
        var total: Int64 = 0
        var done: Int64 = 0
    }

    /// - Throws: `LogError.unknownTopic` when the log lacks a topic; `LogError`; `DatabaseFailure`.
    package func run() async throws -> AuditReport {
        try await AuditDatabase.telling { try await examine() }
    }

    private func examine() async throws -> AuditReport {
        var run = Run()
        run.report.batch = scope.batch
        let existing = Set(try await log.topics().map(\.name))
        let taskTopics = [layout.tasks, layout.largeTasks]
        let needed = taskTopics + [layout.outcomes, layout.results, layout.deadLetters]
        if let absent = needed.first(where: { !existing.contains($0) }) { throw LogError.unknownTopic(absent) }
        let retryTopics = existing.filter { layout.tier(of: $0) != nil }.sorted()
        for topic in needed + retryTopics {
            for bounds in try await log.bounds(topic) { run.total += max(0, bounds.end - bounds.earliest) }
        }

        var ends: [TopicPartition: Int64] = [:]
        for topic in taskTopics {
            for bounds in try await log.decidedBounds(topic) { ends[bounds.partition] = bounds.end }
        }
        // Before the positions: a reader may finish records that are then removed.
        var earliest: [TopicPartition: Int64] = [:]
        for topic in taskTopics + retryTopics + [layout.outcomes] {
            for bounds in try await log.bounds(topic) { earliest[bounds.partition] = bounds.earliest }
        }
        let positions = try await readPositions()
        try compareFrontiers(earliest, positions)
        for topic in taskTopics {
            for bounds in try await log.decidedBounds(topic) {
                try await scanTasks(
                    bounds.partition, to: ends[bounds.partition] ?? bounds.end, positions, as: .inTasks, &run)
            }
        }
        for topic in retryTopics {
            for bounds in try await log.decidedBounds(topic) {
                ends[bounds.partition] = bounds.end
                try await scanTasks(bounds.partition, to: bounds.end, positions, as: .inRetry, &run)
            }
        }
        for bounds in try await log.decidedBounds(layout.outcomes) {
            ends[bounds.partition] = bounds.end
            try await scanOutcomes(bounds.partition, to: bounds.end, positions, &run)
        }
        for bounds in try await log.decidedBounds(layout.results) {
            ends[bounds.partition] = bounds.end
            try await scanResults(bounds.partition, to: bounds.end, &run)
        }
        // A letter is settled before the result of its task, so that the letters of all these results are there.
        let keepsAllLetters = try await scanLetters(&run)

        var accepted = 0
        var missing = 0
        try database.judge { facts in
            let judgement = Self.judge(facts, keepsAllLetters: keepsAllLetters)
            // A task may wait in a retry topic for longer than its first record is kept.
            if facts.has(.accepted) || facts.has(.inRetry) { accepted += 1 }
            if judgement.isMissing { missing += 1 }
            return judgement
        }
        run.report.accepted = accepted
        if missing > 0 {
            try await lookAgain(ends)
            run.report.results += try database.foundResults()
            if try database.missingCount() > 0 { try await forget(ends) }
            run.report.forgotten = try database.forgottenCount()
            try database.nameMissing()
        }
        run.report.counts = try database.counts()
        run.report.stages = try database.unfinishedStages()
        return run.report
    }

    /// What is known about one generation, judged. `missing` is not final: the task may have moved between two reads.
    static func judge(_ facts: AuditFacts, keepsAllLetters: Bool) -> AuditJudgement {
        var judgement = AuditJudgement()
        guard facts.has(.accepted) || facts.has(.result) || facts.has(.inRetry) else { return judgement }
        let results = facts.counts[.result] ?? 0
        if results > 1 { judgement.findings.append(AuditFinding(.duplicated, task: facts.name)) }
        if facts.hasTwoContents || facts.has(.conflict) {
            judgement.findings.append(AuditFinding(.conflicting, task: facts.name))
        }
        if keepsAllLetters, facts.has(.failed), !facts.has(.letter) {
            judgement.findings.append(AuditFinding(.withoutLetter, task: facts.name))
        }
        guard results == 0 else { return judgement }
        let stages: [(AuditFact.Kind, String)] = [(.inTasks, "tasks"), (.inRetry, "retry"), (.inOutcomes, "outcomes")]
        if let (_, stage) = stages.first(where: { facts.has($0.0) }) {
            judgement.findings.append(AuditFinding(.unfinished, task: facts.name, place: stage))
        } else {
            judgement.isMissing = true
        }
        return judgement
    }

    // MARK: Passes

    private func readPositions() async throws -> [String: [TopicPartition: FinishedPosition]] {
        var all: [String: [TopicPartition: FinishedPosition]] = [:]
        for group in layout.workGroups {
            all[group] = try await log.positions(of: group).mapValues(FinishedPosition.init)
        }
        return all
    }

    private func note(_ records: Int, _ run: inout Run) {
        run.done += Int64(records)
        progress(AuditProgress(stage: .records, done: run.done, total: max(run.total, run.done)))
    }

    private func scanTasks(
        _ partition: TopicPartition, to end: Int64, _ positions: [String: [TopicPartition: FinishedPosition]],
        as place: AuditFact.Kind, _ run: inout Run
    ) async throws {
        let position = positions[layout.workGroup(of: partition.topic)]?[partition]
        try await log.scan(partition, to: end) { records in
            var facts: [AuditFact] = []
            var batches: Set<ByteText> = []
            for stored in records {
                let isFinished = position?.isFinished(stored.position.offset) == true
                guard let read = try? TaskRecord.read(stored.record) else {
                    // Counted as a dead letter once it is one; until then only here.
                    if !isFinished { run.report.malformed += 1 }
                    continue
                }
                if scope.batch != nil { batches.insert(read.task.batch) }
                guard scope.contains(read.task.batch) else { continue }
                let name = read.generation.description
                if place == .inTasks {
                    facts.append(AuditFact(.accepted, name, content: try TaskFingerprint.of(read.task)))
                }
                if !isFinished { facts.append(AuditFact(place, name)) }
            }
            try database.add(facts)
            if !batches.isEmpty { try database.addBatches(batches) }
            note(records.count, &run)
        }
    }

    private func scanOutcomes(
        _ partition: TopicPartition, to end: Int64, _ positions: [String: [TopicPartition: FinishedPosition]],
        _ run: inout Run
    ) async throws {
        let position = positions[layout.acknowledgers]?[partition]
        try await log.scan(partition, to: end) { records in
            var facts: [AuditFact] = []
            for stored in records {
                guard let outcome = try? OutcomeRecord.read(stored.record) else {
                    run.report.malformed += 1
                    continue
                }
                guard outcome.kind.isTerminal, position?.isFinished(stored.position.offset) != true,
                    scope.contains(outcome.batch)
                else { continue }
                facts.append(AuditFact(.inOutcomes, outcome.task.description))
            }
            try database.add(facts)
            note(records.count, &run)
        }
    }

    private func scanResults(_ partition: TopicPartition, to end: Int64, _ run: inout Run) async throws {
        try await log.scan(partition, to: end) { records in
            var facts: [AuditFact] = []
            for stored in records {
                if let (conflict, _) = ConflictRecord.read(stored.record) {
                    if scope.contains(conflict.batch) { facts.append(AuditFact(.conflict, conflict.task.description)) }
                    continue
                }
                guard let result = try? ResultRecord.read(stored.record) else {
                    run.report.malformed += 1
                    continue
                }
                guard scope.contains(result.batch) else { continue }
                run.report.results += 1
                facts.append(AuditFact(.result, result.task.description))
                if result.status == OutcomeKind.failed.rawValue {
                    facts.append(AuditFact(.failed, result.task.description))
                }
            }
            try database.add(facts)
            note(records.count, &run)
        }
    }

    /// - Returns: whether no letter has aged out, so that each failed task must have one.
    private func scanLetters(_ run: inout Run) async throws -> Bool {
        var isWhole = true
        for bounds in try await log.decidedBounds(layout.deadLetters) {
            isWhole = isWhole && bounds.earliest == 0
            try await log.scan(bounds.partition, to: bounds.end) { records in
                var facts: [AuditFact] = []
                for stored in records {
                    if DeadLetter.isMalformed(stored.record) { run.report.malformed += 1 }
                    if let name = DeadLetter(stored).generation?.description { facts.append(AuditFact(.letter, name)) }
                }
                try database.add(facts)
                note(records.count, &run)
            }
        }
        return isWhole
    }

    /// Records that were removed at the front of a partition before its group had come to them are lost, and nobody
    /// knows what they were.
    private func compareFrontiers(
        _ earliest: [TopicPartition: Int64], _ positions: [String: [TopicPartition: FinishedPosition]]
    ) throws {
        var findings: [AuditFinding] = []
        for (partition, first) in earliest.sorted(by: { $0.key < $1.key }) {
            let position = positions[layout.workGroup(of: partition.topic)]?[partition]
            let lost = position?.unread(before: first) ?? first
            if lost > 0 { findings.append(AuditFinding(.lostUnread, place: "\(partition)", records: lost)) }
        }
        try database.add(findings)
    }

    /// Searches for what moved between two reads and so seemed missing: its records are beyond the first pass's
    /// ends.
    private func lookAgain(_ ends: [TopicPartition: Int64]) async throws {
        for (partition, end) in ends.sorted(by: { $0.key < $1.key }) {
            try await log.scan(partition, from: end) { records in
                var found: [(name: String, stage: String, rank: Int)] = []
                for stored in records {
                    switch partition.topic {
                    case layout.results:
                        guard let result = try? ResultRecord.read(stored.record) else { continue }
                        found.append((result.task.description, "results", 3))
                    case layout.outcomes:
                        guard let outcome = try? OutcomeRecord.read(stored.record), outcome.kind.isTerminal
                        else { continue }
                        found.append((outcome.task.description, "outcomes", 2))
                    default:
                        guard let name = Self.task(stored)?.description else { continue }
                        found.append((name, layout.tier(of: partition.topic) == nil ? "tasks" : "retry", 1))
                    }
                }
                try database.found(found)
            }
        }
    }

    /// Counts missing tasks whose results may have aged out: those older than the oldest result of their partition,
    /// where retention has removed results.
    private func forget(_ ends: [TopicPartition: Int64]) async throws {
        let results = try await log.bounds(layout.results)
        var horizon: [Int: Timestamp] = [:]
        for bounds in results where bounds.earliest > 0 {
            let page = try await log.read(bounds.partition, from: bounds.earliest, records: 1, bytes: ByteCount(1))
            horizon[bounds.partition.partition] = page.records.first?.appendedAt ?? .latest
        }
        guard !horizon.isEmpty else { return }
        for (partition, end) in ends.sorted(by: { $0.key < $1.key })
        where [layout.tasks, layout.largeTasks].contains(partition.topic) {
            try await log.scan(partition, to: end) { records in
                var forgotten: [String] = []
                for stored in records {
                    guard let task = Self.task(stored) else { continue }
                    let number = Partitioner.partition(of: Array(task.identity.id.utf8), among: results.count)
                    if let oldest = horizon[number], stored.appendedAt < oldest { forgotten.append(task.description) }
                }
                try database.forget(forgotten)
            }
        }
    }

    private static func task(_ stored: StoredRecord) -> TaskGeneration? {
        (try? TaskRecord.read(stored.record))?.generation
    }
}
