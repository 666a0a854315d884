import BackhaulAcknowledgment
import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulRecords
import Foundation
import Logging

/// Measures, with a given amount of history, costs that must not grow with history.
enum LargeCases {
    /// Measures an index of results: time, memory and the time of a query.
    static func results(_ count: Int) throws {
        let index = ResultIndex(folder: FileManager.default.temporaryDirectory.path, number: 0, isKept: false)
        func task(_ number: Int) -> TaskGeneration {
            TaskGeneration(identity: TaskIdentity(tenant: "default", id: ByteText("id-\(number)")), generation: 0)
        }
        let start = ContinuousClock.now
        for first in stride(from: 0, to: count, by: 1_000) {
            let page = (first..<min(first + 1_000, count)).map {
                IndexedResult(task: task($0), offset: Int64($0), isCancel: false)
            }
            _ = index.take(page, from: Int64(first), next: Int64(first + page.count))
            if index.isFull { try index.tidy() }
        }
        let taken = (ContinuousClock.now - start) / .seconds(1)
        let asked = ContinuousClock.now
        let questions = 20_000
        var missing = 0
        for number in 0..<questions {
            let known = number % 2 == 0
            let found = try index.find(task(known ? number * (count / questions) : count + number))
            if (found != nil) != known { missing += 1 }
        }
        let answered = (ContinuousClock.now - asked) / .seconds(1)
        print(
            "\(count) results: \(taken) s, \(answered / Double(questions) * 1e6) µs per query, \(missing) wrong, "
                + "peak \(peak()) KiB")
    }

    /// Measures an embedded log with this many retries: each is a record of a retry topic, a checkpoint and its
    /// tombstone. Upkeep runs every second beside the appends.
    static func retries(_ count: Int) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/backhaul-micro-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let layout = TopicLayout()
        let retry = layout.retry(.seconds(60))
        let log = try EmbeddedLog(
            folder: folder, options: EmbeddedOptions(owns: true), clock: SystemLogClock(),
            logger: Logger(label: "micro") { _ in SwiftLogNoOpLogHandler() })
        try await log.ensure([
            TopicSpecification(
                name: retry, partitions: 4, retention: .untilRead(by: [layout.delays], atLeast: .zero)),
            TopicSpecification(name: layout.checkpoints, partitions: 4, retention: .compact),
        ])
        let upkeep = Task {
            var worst = 0.0
            while !Task.isCancelled {
                let start = ContinuousClock.now
                try await log.maintain()
                worst = max(worst, (ContinuousClock.now - start) / .seconds(1))
                try? await Task.sleep(for: .seconds(1))
            }
            return worst
        }
        let value = [UInt8](repeating: 7, count: 300)
        let batch = 250
        var waits: [Double] = []
        for first in stride(from: 0, to: count, by: batch) {
            func checkpoint(_ number: Int, _ value: [UInt8]?) -> AppendRequest {
                AppendRequest(
                    topic: layout.checkpoints, partitioning: .partition(number % 4),
                    record: LogRecord(key: Array("\(retry)/0/\(number)".utf8), value: value))
            }
            var requests = (first..<first + batch).map {
                AppendRequest(
                    topic: retry, partitioning: .partition($0 % 4),
                    record: LogRecord(key: Array("id-\($0)".utf8), value: value))
            }
            requests += (first..<first + batch).map { checkpoint($0, [1, 2, 3]) }
            if first > 0 { requests += (first - batch..<first).map { checkpoint($0, nil) } }
            let start = ContinuousClock.now
            _ = try await log.append(requests)
            waits.append((ContinuousClock.now - start) / .milliseconds(1))
            try await log.commit(
                Dictionary(
                    uniqueKeysWithValues: (0..<4).map {
                        (TopicPartition(topic: retry, partition: $0), GroupPosition(frontier: Int64(first / 4)))
                    }), of: layout.delays)
        }
        waits.sort()
        func share(_ part: Double) -> Double { waits[min(waits.count - 1, Int(Double(waits.count) * part))] }
        let before = cpu()
        try await Task.sleep(for: .seconds(20))
        let idle = (cpu() - before) / 20
        upkeep.cancel()
        let worst = try await upkeep.value
        await log.close()
        print(
            "\(count) retries and tombstones, \(batch * 3) records per append: p50 \(share(0.5)) ms, "
                + "p99 \(share(0.99)) ms, most \(waits.last ?? 0) ms; longest upkeep \(worst) s; "
                + "idle \(idle * 100) % of a core; peak \(peak()) KiB")
    }

    /// The peak memory of the process, in KiB.
    private static func peak() -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(separator: " ").compactMap { Int($0) }.first ?? 0
    }

    /// Seconds of CPU time that the process has used.
    private static func cpu() -> Double { Double(clock()) / Double(CLOCKS_PER_SEC) }
}
