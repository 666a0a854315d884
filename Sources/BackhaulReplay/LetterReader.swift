package import BackhaulDomain
package import BackhaulLog
package import BackhaulRecords
internal import BackhaulUnits

/// Reads dead letters, and what the log says of their tasks.
package struct LetterReader: Sendable {
    private let log: any MessageLog
    private let layout: TopicLayout
    /// The topic of the letters: `dead-letters`, or one of another program.
    package let topic: String

    package init(log: any MessageLog, layout: TopicLayout, topic: String? = nil) {
        self.log = log
        self.layout = layout
        self.topic = topic ?? layout.deadLetters
    }

    /// The letters that are there, by partition.
    /// - Throws: `LogError`.
    package func bounds() async throws -> [Int: Range<Int64>] {
        Dictionary(
            uniqueKeysWithValues: try await log.decidedBounds(topic).map {
                ($0.partition.partition, min($0.earliest, $0.end)..<$0.end)
            })
    }

    /// Calls `each` with every letter that is selected, in order of partition and offset.
    /// - Throws: `LogError`.
    package func each(
        _ selection: LetterSelection, in ranges: [Int: Range<Int64>], isolation: isolated (any Actor)? = #isolation,
        _ each: (DeadLetter) async throws -> Void
    ) async throws {
        for (number, range) in ranges.sorted(by: { $0.key < $1.key }) where !range.isEmpty {
            let partition = TopicPartition(topic: topic, partition: number)
            try await log.scan(partition, from: range.lowerBound, to: range.upperBound) { records in
                for stored in records {
                    let letter = try await whole(stored)
                    if selection.takes(letter) { try await each(letter) }
                }
            }
        }
    }

    /// A page of letters, selected or not.
    /// - Throws: `LogError`.
    package func page(
        _ number: Int, from offset: Int64, to end: Int64, records: Int, isolation: isolated (any Actor)? = #isolation
    ) async throws -> (letters: [DeadLetter], next: Int64) {
        let partition = TopicPartition(topic: topic, partition: number)
        let page = try await log.read(partition, from: offset, records: records, bytes: ByteCount(1 << 20))
        var letters: [DeadLetter] = []
        for stored in page.records where stored.position.offset < end { letters.append(try await whole(stored)) }
        // A page without progress has nothing up to the end.
        return (letters, page.next > offset ? min(page.next, end) : end)
    }

    /// The letter; of one that only refers to a record that the log could not take again, with that record.
    private func whole(_ stored: StoredRecord, isolation: isolated (any Actor)? = #isolation) async throws -> DeadLetter
    {
        let letter = DeadLetter(stored)
        guard letter.task == nil, stored.record.value == nil, letter.failure != FailureClass.malformed.rawValue,
            let origin = letter.origin.flatMap(LogPosition.init)
        else { return letter }
        // Only what the log has as a task: the letter's headers may come from anybody.
        guard origin.partition.topic.hasPrefix(layout.prefix) else { return letter }
        do {
            let page = try await log.read(origin.partition, from: origin.offset, records: 1, bytes: ByteCount(1))
            guard let found = page.records.first, found.position == origin,
                let task = try? TaskRecord.read(found.record)
            else { return letter }
            return DeadLetter(letter, of: task, found.record)
        } catch LogError.unknownTopic, LogError.unknownPartition {
            return letter
        }
    }

    /// A judge of the letters that are selected, and how far it has read.
    /// - Throws: `LogError`.
    package func judge(
        _ selection: LetterSelection, in ranges: [Int: Range<Int64>], discards: [ReplayRecord], replay: String? = nil,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> (judge: LetterJudge, cursors: [TopicPartition: Int64]) {
        var judge = LetterJudge(discards: discards, replay: replay)
        try await each(selection, in: ranges) { judge.expect($0) }
        var cursors: [TopicPartition: Int64] = [:]
        try await catchUp(&judge, &cursors, isWhole: true)
        return (judge, cursors)
    }

    /// Reads what has come since.
    /// - Parameter isWhole: whether to wait for open transactions, to read what is behind them, too.
    /// - Throws: `LogError`.
    package func catchUp(
        _ judge: inout LetterJudge, _ cursors: inout [TopicPartition: Int64], isWhole: Bool = false,
        isolation: isolated (any Actor)? = #isolation
    ) async throws {
        for topic in [layout.tasks, layout.largeTasks, layout.deadLetters, layout.results] {
            for bounds in try await isWhole ? log.decidedBounds(topic) : log.bounds(topic) {
                let from = max(cursors[bounds.partition] ?? 0, bounds.earliest)
                if !judge.isEmpty, from < bounds.end {
                    try await log.scan(bounds.partition, from: from, to: bounds.end) { records in
                        for stored in records {
                            if topic == layout.results {
                                judge.note(result: stored.record)
                            } else {
                                judge.note(task: stored.record)
                            }
                        }
                    }
                }
                cursors[bounds.partition] = bounds.end
            }
        }
    }
}
