import BackhaulAudit
import BackhaulDomain
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTestKit
import BackhaulUnits
import Testing

@Suite("Outstanding work")
struct OutstandingMeterTests {
    /// After appends, commits and both, a meter that keeps its last measurement reports the same as a fresh one,
    /// and it does not read a partition in which nothing changed.
    @Test(arguments: 0..<8)
    func incrementalMeasurementMatchesFreshOne(seed: Int) async throws {
        try await withPipeline { pipeline in
            var numbers = SeededNumbers(seed: UInt64(seed))
            let log = FaultyLog(pipeline.log)
            let layout = pipeline.layout
            var meter = OutstandingMeter(log, layout: layout)
            let topics = [(layout.tasks, layout.workers), (layout.outcomes, layout.acknowledgers)]
            for round in 0..<12 {
                for (topic, group) in topics {
                    let partitions = try await log.bounds(topic)
                    for _ in 0..<Int.random(in: 0..<3, using: &numbers) {
                        let number = Int.random(in: 0..<partitions.count, using: &numbers)
                        _ = try await log.append([
                            AppendRequest(
                                topic: topic, partitioning: .partition(number),
                                record: LogRecord(value: try value(size: ByteCount(clamping: numbers.next()), round)))
                        ])
                    }
                    guard Bool.random(using: &numbers) else { continue }
                    for bounds in try await log.bounds(topic) where bounds.end > 0 {
                        let frontier = Int64.random(in: 0...bounds.end, using: &numbers)
                        var map = FinishedMap(base: frontier)
                        if frontier + 1 < bounds.end { map.insert(frontier + 1) }
                        try await log.commit(
                            [bounds.partition: GroupPosition(frontier: frontier, map: map.text(frontier: frontier))],
                            of: group)
                    }
                }
                var fresh = OutstandingMeter(log, layout: layout)
                let now = Int64(4_000_000_000_000)
                let kept = try await meter.measure(at: Timestamp(clamping: now))
                let expected = try await fresh.measure(at: Timestamp(clamping: now))
                #expect(kept.map(Line.init) == expected.map(Line.init))
                let reads = log.reads
                _ = try await meter.measure(at: Timestamp(clamping: now))
                #expect(log.reads == reads)
            }
        }
    }

    private func value(size: ByteCount, _ round: Int) throws -> [UInt8] {
        try TaskCodec.encode(
            UploadTask(
                identity: TaskIdentity(tenant: "t", id: ByteText("\(round)")), batch: "b",
                source: SourceReference(root: "r", path: "p"),
                destination: DestinationReference(target: .named("d"), key: "k"), size: size, modifiedAt: 0,
                acceptedAt: 0))
    }

    private struct Line: Equatable {
        var text: String

        init(_ work: OutstandingWork) {
            text =
                "\(work.topic) \(work.outstanding) \(work.size) \(work.fileSize) \(work.oldestAge.components.seconds)"
        }
    }
}
