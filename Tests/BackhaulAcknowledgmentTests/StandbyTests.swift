import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTestKit
import Foundation
import Logging
import Testing

@testable import BackhaulAcknowledgment

@Suite("Standby acknowledger")
struct StandbyTests {
    private func outcomes(_ range: Range<Int>, _ layout: TopicLayout) throws -> [AppendRequest] {
        try range.map { number in
            let id = ByteText("task-\(number)")
            let outcome = Outcome(
                kind: .succeeded,
                task: TaskGeneration(identity: TaskIdentity(tenant: "t", id: id), generation: 0), batch: "b",
                destination: DestinationReference(target: .named("nas"), key: id), attempts: 1, crashes: 0, size: 1,
                verification: "durable", worker: "w", acceptedAt: 1, startedAt: 2, finishedAt: 3)
            return AppendRequest(
                topic: layout.outcomes, partitioning: .hash(Array(id.utf8)),
                record: LogRecord(value: try OutcomeCodec.encode(outcome)))
        }
    }

    /// A standby indexes results before it owns a partition, so a takeover reads only what is new.
    @Test(.timeLimit(.minutes(10)))
    func standbyIndexesResultsOfOthers() async throws {
        try await withPipeline { pipeline in
            let log = pipeline.log
            let indexes = try ResultIndexes(
                folder: nil, isFed: false, log: log, layout: pipeline.layout, lookEvery: .milliseconds(10),
                logger: Logger(label: "standby"))
            _ = try await log.append(try outcomes(0..<100, pipeline.layout))
            _ = try await pipeline.run { try await pipeline.results(100) }
            try await indexes.warmUp()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await indexes.run() }
                _ = try await log.append(try outcomes(100..<300, pipeline.layout))
                _ = try await pipeline.run { try await pipeline.results(300) }
                for bounds in try await log.bounds(pipeline.layout.results) {
                    while indexes.index(bounds.partition.partition).next < bounds.end {
                        try await Task.sleep(for: .milliseconds(5))
                    }
                }
                for result in try await pipeline.allResults() {
                    let number = Partitioner.partition(
                        of: Array(result.taskId.utf8), among: try await log.bounds(pipeline.layout.results).count)
                    #expect(try indexes.index(number).find(result.task) != nil, "\(result.task)")
                }
                group.cancelAll()
            }
        }
    }

    private func indexes(_ pipeline: Pipeline, folder: String? = nil) throws -> ResultIndexes {
        try ResultIndexes(
            folder: folder, isFed: false, log: pipeline.log, layout: pipeline.layout, logger: Logger(label: "standby"))
    }

    /// The number of results in the log that the indexes lack.
    private func missing(_ indexes: ResultIndexes, _ pipeline: Pipeline) async throws -> Int {
        let count = try await pipeline.log.bounds(pipeline.layout.results).count
        return try await pipeline.allResults().count { result in
            let number = Partitioner.partition(of: Array(result.taskId.utf8), among: count)
            return try indexes.index(number).find(result.task) == nil
        }
    }

    /// 1. A scan of others' partitions queries their ends: 40 each.
    /// 2. Before the scan reads records, this process takes one partition over, catches up to 50 and decides by the
    ///    index.
    /// 3. The scan continues with its end of 40. The index is ahead of that end, but still belongs to this log.
    @Test func catchUpToOlderEndKeepsIndex() async throws {
        try await withPipeline { pipeline in
            _ = try await pipeline.log.append(try outcomes(0..<200, pipeline.layout))
            _ = try await pipeline.run { try await pipeline.results(200) }
            let indexes = try indexes(pipeline)
            let all = try await pipeline.log.bounds(pipeline.layout.results)
            for bounds in all { _ = try await indexes.takeOver([bounds.partition.partition]) }
            for bounds in all {
                for end in [0, bounds.end / 2, bounds.end - 1] {
                    let old = PartitionBounds(partition: bounds.partition, earliest: 0, end: end)
                    try await indexes.catchUp(old, to: end)
                    #expect(indexes.index(bounds.partition.partition).next == bounds.end)
                }
            }
            #expect(try await missing(indexes, pipeline) == 0)
        }
    }

    /// The data folder comes from another log: its index is ahead of this log's end, or holds results that this log
    /// lacks.
    @Test func indexOfAnotherLogIsRebuilt() async throws {
        try await withTemporaryFolder { folder in
            try await withPipeline { other in
                _ = try await other.log.append(try outcomes(1_000..<1_400, other.layout))
                _ = try await other.run { try await other.results(400) }
                let indexes = try indexes(other, folder: folder)
                for bounds in try await other.log.bounds(other.layout.results) {
                    let number = bounds.partition.partition
                    let index = try #require(try await indexes.takeOver([number])[number])
                    try index.tidy(isLast: true)
                }
            }
            try await withPipeline { pipeline in
                _ = try await pipeline.log.append(try outcomes(0..<100, pipeline.layout))
                _ = try await pipeline.run { try await pipeline.results(100) }
                let indexes = try indexes(pipeline, folder: folder)
                #expect(indexes.isKept)
                try await indexes.warmUp()
                for bounds in try await pipeline.log.bounds(pipeline.layout.results) {
                    let number = bounds.partition.partition
                    let index = try #require(try await indexes.takeOver([number])[number])
                    #expect(index.next == bounds.end)
                }
                #expect(try await missing(indexes, pipeline) == 0)
            }
        }
    }

    /// A reader whose index was reset between two pages must not appear to have read from the beginning.
    @Test func pageAfterGapIsRefused() async throws {
        try await withTemporaryFolder { folder in
            let index = ResultIndex(folder: folder, number: 0)
            #expect(index.take([], from: 0, next: 500))
            index.reset()
            #expect(!index.take([], from: 500, next: 600))
            #expect(index.next == 0)
        }
    }
}
