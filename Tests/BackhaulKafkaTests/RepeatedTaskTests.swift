import BackhaulDomain
import BackhaulIngest
import BackhaulKafka
import BackhaulLog
import BackhaulTestKit
import BackhaulUnits
import Testing

/// A log that takes any record, as Kafka does, leaves it to ingest to find repetitions within a request.
@Suite("Repeated tasks on Kafka")
struct RepeatedTaskTests {
    @Test func oneIDWithTwoContentsIsRefusedWithinARequest() async throws {
        let harness = try KafkaHarness(delivery: .atLeastOnce)
        let log = try harness.log()
        let layout = TopicLayout(prefix: harness.prefix)
        try await log.ensure([
            TopicSpecification(name: layout.tasks, partitions: 3, retention: .age(.seconds(3_600)))
        ])
        let ingest = Ingest(
            log: log, layout: layout, clock: SystemLogClock(), largeThreshold: ByteCount(1 << 40),
            isOrdered: { _ in false })
        func draft(_ id: ByteText, _ key: ByteText, batch: ByteText = "b") -> TaskDraft {
            TaskDraft(
                tenant: "t", id: id, batch: batch, source: SourceReference(root: "r", path: "p"),
                destination: DestinationReference(target: .named("nas"), key: key), size: ByteCount(1),
                modifiedAt: FileTime(seconds: 1, nanoseconds: 0))
        }
        let answers = try await ingest.accept([
            draft("a", "1"), draft("b", "1"), draft("a", "2"), draft("a", "1", batch: "c"), draft("b", "../x"),
        ])
        let words = answers.map { answer in
            switch answer {
            case .accepted: "accepted"
            case .known: "known"
            case .conflict: "conflict"
            case .rejected: "rejected"
            }
        }
        #expect(words == ["accepted", "accepted", "conflict", "known", "rejected"])
        let records = try await log.bounds(layout.tasks).map { $0.end - $0.earliest }.reduce(0, +)
        #expect(records == 2)
        let again = try await ingest.again([(draft("a", "1"), 1), (draft("a", "1"), 1), (draft("b", "1"), 1)])
        let positions = again.map { answer in
            switch answer {
            case .accepted(_, let position): "accepted \(position)"
            case .known(_, let position): "known \(position)"
            case .conflict, .rejected: "\(answer)"
            }
        }
        #expect(positions[0].hasPrefix("accepted") && positions[2].hasPrefix("accepted"), "\(positions)")
        #expect(positions[1] == positions[0].replacing("accepted", with: "known"))
        await log.close()
    }
}
