internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits

/// Counts the results of replays. Reads the results topic from where the oldest of them began.
struct ResultTally {
    struct Counts: Hashable {
        var succeeded = 0
        var failed = 0
        var other = 0
    }

    private let log: any MessageLog
    private let layout: TopicLayout
    private(set) var counts: [String: Counts] = [:]
    private(set) var cursors: [Int: Int64]?
    /// Results of later generations that name no replay: a cancel by a caller does not know of one.
    private(set) var strays: [TaskGeneration] = []
    private static let mostStrays = 100_000

    init(log: any MessageLog, layout: TopicLayout) {
        self.log = log
        self.layout = layout
    }

    /// Counts the results of a replay, too. No result of a replay that nobody has taken up is behind the cursors.
    mutating func add(_ replay: ReplayRecord) {
        guard counts[replay.id] == nil else { return }
        counts[replay.id] = Counts()
        guard let cursors else {
            self.cursors = replay.results
            return
        }
        // At the start several are added before the first is read.
        if counts.count > 1, !hasRead {
            self.cursors = cursors.merging(replay.results) { min($0, $1) }
        }
    }

    private var hasRead = false

    mutating func keep(only ids: Set<String>) {
        counts = counts.filter { ids.contains($0.key) }
        if counts.isEmpty {
            cursors = nil
            strays = []
            hasRead = false
        }
    }

    /// - Throws: `LogError`.
    mutating func catchUp(isolation: isolated (any Actor)? = #isolation) async throws {
        guard !counts.isEmpty else { return }
        for bounds in try await log.bounds(layout.results) {
            let number = bounds.partition.partition
            let from = max(cursors?[number] ?? bounds.earliest, bounds.earliest)
            guard from < bounds.end else { continue }
            var found = counts
            var others = strays
            try await log.scan(bounds.partition, from: from, to: bounds.end) { records in
                for stored in records {
                    guard let (task, status) = ResultRecord.ending(stored.record) else { continue }
                    guard let id = stored.record.header(CloudEvent.replay)?.text else {
                        if task.generation > 0, others.count < Self.mostStrays { others.append(task) }
                        continue
                    }
                    guard found[id] != nil else { continue }
                    switch status {
                    case .succeeded: found[id]?.succeeded += 1
                    case .failed: found[id]?.failed += 1
                    default: found[id]?.other += 1
                    }
                }
            }
            counts = found
            strays = others
            cursors = (cursors ?? [:]).merging([number: bounds.end]) { $1 }
        }
        hasRead = true
    }
}
