import BackhaulDomain
import BackhaulIngest
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import BackhaulUnits
import Foundation

/// One measurement: submits tasks, follows their results and keeps the times.
actor BenchRun {
    struct Report: Sendable {
        var failed = 0
        var seconds = 0.0
        var acceptedSeconds = 0.0
        /// Microseconds, ascending.
        var latencies: [Int64] = []

        var summary: Summary {
            Summary(
                tasks: latencies.count, failed: failed, seconds: seconds, acceptedSeconds: acceptedSeconds,
                tasksPerSecond: seconds > 0 ? Double(latencies.count) / seconds : 0, p50: milliseconds(0.5),
                p90: milliseconds(0.9), p99: milliseconds(0.99), p999: milliseconds(0.999), most: milliseconds(1))
        }

        /// The quantile `part` (0 to 1) of the latencies in milliseconds, by nearest rank, not interpolated.
        func milliseconds(_ part: Double) -> Double {
            guard !latencies.isEmpty else { return 0 }
            let rank = Int((part * Double(latencies.count)).rounded(.up))
            return Double(latencies[min(max(rank, 1), latencies.count) - 1]) / 1_000
        }
    }

    /// What the command prints. The quantiles are in milliseconds.
    struct Summary: Encodable, Sendable {
        var tasks: Int
        var failed: Int
        var seconds: Double
        var acceptedSeconds: Double
        var tasksPerSecond: Double
        var p50: Double
        var p90: Double
        var p99: Double
        var p999: Double
        var most: Double
    }

    private let log: any MessageLog
    private let layout: TopicLayout
    private let ingest: Ingest
    private let target: DestinationReference.Target
    private let tenant: ByteText
    private let source: SourceReference
    private let size: ByteCount
    private let modifiedAt: FileTime
    private let count: Int
    private let rate: Double
    /// The batch of its tasks, and how their ids begin.
    let name: ByteText
    private let start = ContinuousClock.now
    /// When each task was due, or submitted, in microseconds since the start.
    private var begun: [Int64]
    private var next: [TopicPartition: Int64] = [:]
    private var report = Report()
    private static let batchSize = 500
    /// The most tasks that may wait for their append with `--rate`: more would only use memory.
    private static let mostPending = 100_000
    private var pending = 0

    init(
        log: any MessageLog, settings: Settings, target: DestinationReference.Target, tenant: ByteText,
        source: SourceReference, size: ByteCount, modifiedAt: FileTime, count: Int, rate: Double
    ) {
        self.log = log
        layout = settings.layout
        ingest = Ingest(
            log: log, layout: settings.layout, clock: SystemLogClock(), largeThreshold: settings.largeThreshold,
            isOrdered: settings.isOrdered)
        self.target = target
        self.tenant = tenant
        self.source = source
        self.size = size
        self.modifiedAt = modifiedAt
        self.count = count
        self.rate = rate
        begun = [Int64](repeating: -1, count: count)
        // Makes the ids unique among all runs.
        name = "b\(Int64(Date().timeIntervalSince1970 * 1_000))-\(getpid())"
    }

    func run() async throws -> Report {
        for bounds in try await log.bounds(layout.results) { next[bounds.partition] = bounds.end }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.follow() }
            group.addTask { self.rate > 0 ? try await self.pace() : try await self.pour() }
            // If one fails, it ends the other.
            while try await group.next() != nil {}
        }
        report.latencies.sort()
        return report
    }

    /// Microseconds since the start.
    private var now: Int64 { Self.microseconds(ContinuousClock.now - start) }

    private static func microseconds(_ duration: Duration) -> Int64 {
        let parts = duration.components
        return parts.seconds * 1_000_000 + parts.attoseconds / 1_000_000_000_000
    }

    // MARK: In

    private func draft(_ number: Int) -> TaskDraft {
        TaskDraft(
            tenant: tenant, id: "\(name)-\(number)", batch: name, source: source,
            destination: DestinationReference(target: target, key: "bench/\(name)/\(number)"), size: size,
            modifiedAt: modifiedAt)
    }

    /// Submits tasks in batches, as fast as the log accepts them.
    private func pour() async throws {
        for first in stride(from: 0, to: count, by: Self.batchSize) {
            let numbers = first..<min(first + Self.batchSize, count)
            let since = now
            for number in numbers { begun[number] = since }
            try check(try await ingest.accept(numbers.map(draft)))
        }
        report.acceptedSeconds = Double(now) / 1_000_000
    }

    /// Submits each task at its time, without waiting for the one before: a system that falls behind shows it in the
    /// latencies, and does not slow the load down.
    private func pace() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for number in 0..<count {
                let due = Int64(Double(number) / rate * 1_000_000)
                if due > now {
                    try await Task.sleep(until: start + .microseconds(due), tolerance: .zero, clock: .continuous)
                }
                begun[number] = due
                guard pending < Self.mostPending else {
                    throw CommandError(
                        "\(pending) tasks wait to be appended; the log does not keep up with --rate \(rate)")
                }
                pending += 1
                let draft = draft(number)
                group.addTask { try await self.accept(draft) }
            }
        }
        report.acceptedSeconds = Double(now) / 1_000_000
    }

    private func accept(_ draft: TaskDraft) async throws {
        defer { pending -= 1 }
        try check(try await ingest.accept([draft]))
    }

    private func check(_ acceptances: [Acceptance]) throws {
        for acceptance in acceptances {
            guard case .accepted = acceptance else { throw CommandError("a task was not accepted: \(acceptance)") }
        }
    }

    // MARK: Out

    private func follow() async throws {
        let changes = await log.changes()
        try await log.watch(next)
        try await look()
        guard report.latencies.count < count else { return }
        for await _ in changes {
            try await look()
            if report.latencies.count >= count { return }
        }
        throw LogError.closed
    }

    private func look() async throws {
        for (partition, offset) in next {
            next[partition] = try await log.follow(partition, from: offset) { records in
                for stored in records { self.take(stored) }
            }
        }
    }

    private func take(_ stored: StoredRecord) {
        guard let (task, status) = ResultRecord.ending(stored.record),
            task.identity.tenant == tenant, task.identity.id.hasPrefix(name),
            let number = Int(String(decoding: task.identity.id.utf8.dropFirst(name.utf8.count + 1), as: UTF8.self)),
            begun.indices.contains(number)
        else { return }
        let seen = now
        report.latencies.append(seen - begun[number])
        report.seconds = Double(seen) / 1_000_000
        if status != .succeeded { report.failed += 1 }
    }
}
