import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulPipelineKit
import BackhaulTestKit
import BackhaulWire
import Foundation
import Logging
import Testing

@testable import BackhaulAcknowledgment

@Suite("A standby acknowledger")
struct StandbyTests {
    private func outcomes(_ range: Range<Int>, _ layout: TopicLayout) throws -> [AppendRequest] {
        try range.map { number in
            let id = ByteText("task-\(number)")
            let outcome = Outcome(
                kind: .succeeded,
                task: TaskGeneration(identity: TaskIdentity(tenant: "t", id: id), generation: 0), batch: "b",
                destination: DestinationReference(place: .named("nas"), key: id), attempts: 1, crashes: 0, bytes: 1,
                worker: "w", acceptedAt: 1, startedAt: 2, finishedAt: 3)
            return AppendRequest(
                topic: layout.outcomes, partitioning: .hash(Array(id.utf8)),
                record: LogRecord(value: try OutcomeCodec.encode(outcome)))
        }
    }

    /// Before it is asked for a partition: a takeover costs what is new, and nothing of what was.
    @Test(.timeLimit(.minutes(1)))
    func knowsWhatOthersRecord() async throws {
        try await withPipeline { pipeline in
            let log = pipeline.log
            let indexes = try ResultIndexes(
                folder: nil, isFed: false, log: log, layout: pipeline.layout, logger: Logger(label: "standby"))
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
}
