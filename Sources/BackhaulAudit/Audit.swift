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

    package init(log: any MessageLog, layout: TopicLayout) {
        self.log = log
        self.layout = layout
    }

    package func run() async throws -> AuditReport {
        let spill = try SpillFiles()
        var report = AuditReport()
        let existing = Set(try await log.topics().map(\.name))
        let taskTopics = [layout.tasks, layout.largeTasks]
        let needed = taskTopics + [layout.outcomes, layout.results, layout.deadLetters]
        if let absent = needed.first(where: { !existing.contains($0) }) { throw LogError.unknownTopic(absent) }
        let retryTopics = existing.filter { layout.tier(of: $0) != nil }.sorted()

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
        compareFrontiers(earliest, positions, &report)
        for topic in taskTopics {
            for bounds in try await log.decidedBounds(topic) {
                try await scanTasks(
                    bounds.partition, to: ends[bounds.partition] ?? bounds.end, positions, as: .inTasks, spill, &report)
            }
        }
        for topic in retryTopics {
            for bounds in try await log.decidedBounds(topic) {
                ends[bounds.partition] = bounds.end
                try await scanTasks(bounds.partition, to: bounds.end, positions, as: .inRetry, spill, &report)
            }
        }
        for bounds in try await log.decidedBounds(layout.outcomes) {
            ends[bounds.partition] = bounds.end
            try await scanOutcomes(bounds.partition, from: 0, to: bounds.end, positions, spill, &report)
        }
        for bounds in try await log.decidedBounds(layout.results) {
            ends[bounds.partition] = bounds.end
            try await scanResults(bounds.partition, from: 0, to: bounds.end, &report) { name, isFailed in
                try spill.add(.result, name)
                if isFailed { try spill.add(.failed, name) }
            }
        }
        // A letter is settled before the result of its task, so that the letters of all these results are there.
        let keepsAllLetters = try await scanLetters(spill, &report)

        var missing: Set<String> = []
        try spill.fold { name, facts in
            // A task may wait in a retry topic for longer than its first record is kept.
            guard facts[.accepted] != nil || facts[.result] != nil || facts[.inRetry] != nil else { return }
            if facts[.accepted] != nil || facts[.inRetry] != nil { report.accepted += 1 }
            let results = facts[.result] ?? 0
            if results > 1 { report.duplicated.append(name) }
            if keepsAllLetters, facts[.failed] != nil, facts[.letter] == nil { report.withoutLetter.append(name) }
            guard results == 0 else { return }
            if facts[.inTasks] != nil {
                report.unfinished.append(.init(task: name, place: "tasks"))
            } else if facts[.inRetry] != nil {
                report.unfinished.append(.init(task: name, place: "retry"))
            } else if facts[.inOutcomes] != nil {
                report.unfinished.append(.init(task: name, place: "outcomes"))
            } else {
                missing.insert(name)
            }
        }
        if !missing.isEmpty { try await lookAgain(&missing, ends, &report) }
        if !missing.isEmpty { try await forget(&missing, ends, &report) }
        report.missing = missing.sorted()
        return report
    }

    // MARK: Passes

    private func readPositions() async throws -> [String: [TopicPartition: FinishedPosition]] {
        var all: [String: [TopicPartition: FinishedPosition]] = [:]
        for group in [layout.workers, layout.largeWorkers, layout.delays, layout.acknowledgers] {
            all[group] = try await log.positions(of: group).mapValues(FinishedPosition.init)
        }
        return all
    }

    /// The group that works on a topic's records.
    private func group(of topic: String) -> String {
        switch topic {
        case layout.tasks: layout.workers
        case layout.largeTasks: layout.largeWorkers
        case layout.outcomes: layout.acknowledgers
        default: layout.delays
        }
    }

    private func scanTasks(
        _ partition: TopicPartition, to end: Int64, _ positions: [String: [TopicPartition: FinishedPosition]],
        as place: SpillFiles.Fact, _ spill: SpillFiles, _ report: inout AuditReport
    ) async throws {
        let position = positions[group(of: partition.topic)]?[partition]
        var malformed = 0
        try await log.scan(partition, to: end) { records in
            for stored in records {
                guard let task = Self.task(stored) else {
                    // Counted as a dead letter once it is one; until then only here.
                    if position?.isFinished(stored.position.offset) != true { malformed += 1 }
                    continue
                }
                let name = task.description
                if place == .inTasks { try spill.add(.accepted, name) }
                if position?.isFinished(stored.position.offset) != true { try spill.add(place, name) }
            }
        }
        report.malformed += malformed
    }

    private func scanOutcomes(
        _ partition: TopicPartition, from start: Int64, to end: Int64,
        _ positions: [String: [TopicPartition: FinishedPosition]], _ spill: SpillFiles, _ report: inout AuditReport
    ) async throws {
        let position = positions[layout.acknowledgers]?[partition]
        var malformed = 0
        try await log.scan(partition, from: start, to: end) { records in
            for stored in records {
                guard let outcome = try? OutcomeRecord.read(stored.record) else {
                    malformed += 1
                    continue
                }
                guard outcome.kind.isTerminal, position?.isFinished(stored.position.offset) != true else { continue }
                try spill.add(.inOutcomes, outcome.task.description)
            }
        }
        report.malformed += malformed
    }

    private func scanResults(
        _ partition: TopicPartition, from start: Int64, to end: Int64?, _ report: inout AuditReport,
        _ each: (_ name: String, _ isFailed: Bool) throws -> Void
    ) async throws {
        var malformed = 0
        var count = 0
        try await log.scan(partition, from: start, to: end) { records in
            for stored in records {
                guard let result = try? ResultRecord.read(stored.record) else {
                    malformed += 1
                    continue
                }
                count += 1
                try each(result.task.description, result.status == OutcomeKind.failed.rawValue)
            }
        }
        report.malformed += malformed
        report.results += count
    }

    /// - Returns: whether no letter has aged out, so that each failed task must have one.
    private func scanLetters(_ spill: SpillFiles, _ report: inout AuditReport) async throws -> Bool {
        var malformed = 0
        var isWhole = true
        for bounds in try await log.decidedBounds(layout.deadLetters) {
            isWhole = isWhole && bounds.earliest == 0
            try await log.scan(bounds.partition, to: bounds.end) { records in
                for stored in records {
                    if DeadLetter.isMalformed(stored.record) { malformed += 1 }
                    if let name = DeadLetter(stored).generation?.description { try spill.add(.letter, name) }
                }
            }
        }
        report.malformed += malformed
        return isWhole
    }

    /// Records that were removed at the front of a partition before its group had come to them are lost, and nobody
    /// knows what they were.
    private func compareFrontiers(
        _ earliest: [TopicPartition: Int64], _ positions: [String: [TopicPartition: FinishedPosition]],
        _ report: inout AuditReport
    ) {
        for (partition, first) in earliest.sorted(by: { $0.key < $1.key }) {
            let position = positions[group(of: partition.topic)]?[partition]
            let lost = position?.unread(before: first) ?? first
            if lost > 0 { report.lostUnread.append(.init(partition: "\(partition)", records: lost)) }
        }
    }

    /// Searches for what moved between two reads and so seemed missing: its records are beyond the first pass's
    /// ends.
    private func lookAgain(
        _ missing: inout Set<String>, _ ends: [TopicPartition: Int64], _ report: inout AuditReport
    ) async throws {
        var found: [String: String] = [:]
        let wanted = missing
        for (partition, end) in ends.sorted(by: { $0.key < $1.key }) {
            try await log.scan(partition, from: end) { records in
                for stored in records {
                    switch partition.topic {
                    case layout.results:
                        guard let result = try? ResultRecord.read(stored.record) else { continue }
                        if wanted.contains(result.task.description) { found[result.task.description] = "results" }
                    case layout.outcomes:
                        guard let outcome = try? OutcomeRecord.read(stored.record), outcome.kind.isTerminal
                        else { continue }
                        let name = outcome.task.description
                        if wanted.contains(name), found[name] != "results" { found[name] = "outcomes" }
                    default:
                        guard let name = Self.task(stored)?.description else { continue }
                        if wanted.contains(name), found[name] == nil {
                            found[name] = layout.tier(of: partition.topic) == nil ? "tasks" : "retry"
                        }
                    }
                }
            }
        }
        for (name, place) in found.sorted(by: { $0.key < $1.key }) {
            missing.remove(name)
            if place == "results" {
                report.results += 1
            } else {
                report.unfinished.append(.init(task: name, place: place))
            }
        }
    }

    /// Counts missing tasks whose results may have aged out: those older than the oldest result of their partition,
    /// where retention has removed results.
    private func forget(
        _ missing: inout Set<String>, _ ends: [TopicPartition: Int64], _ report: inout AuditReport
    ) async throws {
        let results = try await log.bounds(layout.results)
        var horizon: [Int: Timestamp] = [:]
        for bounds in results where bounds.earliest > 0 {
            let page = try await log.read(bounds.partition, from: bounds.earliest, records: 1, bytes: ByteCount(1))
            horizon[bounds.partition.partition] = page.records.first?.appendedAt ?? .latest
        }
        guard !horizon.isEmpty else { return }
        let wanted = missing
        var forgotten: Set<String> = []
        for (partition, end) in ends.sorted(by: { $0.key < $1.key })
        where [layout.tasks, layout.largeTasks].contains(partition.topic) {
            try await log.scan(partition, to: end) { records in
                for stored in records {
                    guard let task = Self.task(stored), wanted.contains(task.description) else { continue }
                    let number = Partitioner.partition(of: Array(task.identity.id.utf8), among: results.count)
                    if let oldest = horizon[number], stored.appendedAt < oldest { forgotten.insert(task.description) }
                }
            }
        }
        report.forgotten = forgotten.count
        missing.subtract(forgotten)
    }

    private static func task(_ stored: StoredRecord) -> TaskGeneration? {
        (try? TaskRecord.read(stored.record))?.generation
    }
}
