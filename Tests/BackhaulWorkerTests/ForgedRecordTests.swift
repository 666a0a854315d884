import BackhaulAudit
import BackhaulDestinations
import BackhaulDomain
import BackhaulEmbedded
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulReplay
import BackhaulTestKit
import BackhaulUnits
import Logging
import Testing

/// A writer of the topics without a key, and one who copies signed records.
@Suite("Forged records")
struct ForgedRecordTests {
    private static let nowhere: [ByteText: Destination] = ["nowhere": Destination(DropDestination())]

    private func keys() throws -> SigningKeys {
        try SigningKeys(parsing: "test AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    }

    private func outcome(_ kind: OutcomeKind, _ task: UploadTask) -> Outcome {
        Outcome(
            kind: kind, task: TaskGeneration(identity: task.identity, generation: 0), batch: task.batch,
            destination: task.destination, attempts: 1, crashes: 0, size: task.size,
            sha256: String(repeating: "ab", count: 32), verification: kind == .succeeded ? "read-back" : "",
            worker: "forged", acceptedAt: task.acceptedAt, startedAt: task.acceptedAt, finishedAt: task.acceptedAt)
    }

    private func results(_ pipeline: Pipeline) async throws -> [ResultDocument] {
        try await pipeline.records(pipeline.layout.results).compactMap { try? ResultRecord.read($0.record) }
    }

    /// Waits for this many results that count.
    private func results(_ pipeline: Pipeline, _ count: Int) async throws -> [ResultDocument] {
        let changes = await pipeline.log.changes()
        return try await within(300, "\(count) results") {
            for await _ in changes {
                let found = try await results(pipeline)
                if found.count >= count { return found }
            }
            return []
        }
    }

    @Test func unsignedRecordsProveNothing() async throws {
        try await withPipeline(destinations: Self.nowhere, signingKeys: try keys()) { pipeline in
            let layout = pipeline.layout
            let waiting = try pipeline.draft("waiting", [1, 2, 3], to: .named("nowhere"), id: "waiting")
            _ = try await pipeline.ingest.accept([waiting])
            let task = Ingest.task(waiting, acceptedAt: Timestamp(clamping: 1_700_000_000_000))
            var other = task
            other.identity.id = "forged"
            let generation = TaskGeneration(identity: task.identity, generation: 0)
            let place = try #require(try await pipeline.records(layout.tasks).first).position
            let number = place.partition.partition
            let checkpoint = Checkpoint(
                task: generation, isInFlight: true, progress: TaskProgress(attempts: 9, crashes: 9))
            // Past the signatures: the log itself.
            let forged = try [
                TaskRecord.accepted(other, topic: layout.tasks, trace: nil),
                OutcomeRecord.request(outcome(.succeeded, task), layout, trace: nil),
                ResultRecord.request(outcome(.succeeded, task), partition: number, layout),
                CancelRecord.request(generation, at: task.acceptedAt, layout),
                CheckpointRecord.request(checkpoint, of: place, layout),
                DeadLetterRecord.request(
                    LogRecord(value: try TaskCodec.encode(other)),
                    TaskRecord(task: other, progress: TaskProgress(attempts: 1)), Failure(.permanent, "forged"),
                    .init(position: place, failedAt: task.acceptedAt, worker: "forged"), layout),
            ]
            _ = try await pipeline.log.append(forged)
            let found = try await pipeline.run { try await results(pipeline, 1) }
            #expect(found.map(\.taskId) == ["waiting"])
            #expect(found.first?.worker == "w0" && found.first?.verification == "none")
            #expect(found.first?.attempts == 1 && found.first?.crashes == 0)
            // The forged task is named by a dead letter that cannot be replayed.
            let letters = try await pipeline.deadLetters()
            #expect(letters.count == 2 && letters.allSatisfy { $0.task == nil && $0.failure == "malformed" })
            #expect(letters.contains { $0.message.contains("not signed") })
            let replayed = try await pipeline.replay().state?.counts
            #expect(replayed?.appended == 0 && replayed?.unusable == 2)
        }
    }

    /// Nobody without a key can end a cancel request or make a checkpoint void.
    @Test func unsignedTombstoneIsNotObeyed() async throws {
        try await withPipeline { pipeline in
            let layout = pipeline.layout
            let draft = try pipeline.draft("f", [1], to: .named("nowhere"))
            _ = try await pipeline.ingest.accept([draft])
            let place = try #require(try await pipeline.records(layout.tasks).first).position
            let task = TaskGeneration(
                identity: Ingest.task(draft, acceptedAt: Timestamp(clamping: 0)).identity, generation: 0)
            let signed = SignedLog(pipeline.log, keys: try keys(), logger: Logger(label: "test"))
            let tombstones = [CheckpointRecord.tombstone(of: place, layout), CancelRecord.tombstone(task, layout)]
            func values() async throws -> [[UInt8]?] {
                var found: [[UInt8]?] = []
                for topic in [layout.checkpoints, layout.control] {
                    for bounds in try await signed.bounds(topic) {
                        try await signed.scan(bounds.partition) { found += $0.map(\.record.value) }
                    }
                }
                return found
            }
            _ = try await pipeline.log.append(tombstones)
            #expect(try await values() == [[], []])
            _ = try await signed.append(tombstones)
            #expect(try await values() == [nil, nil])
        }
    }

    /// A copy has a valid signature, and changes nothing that is decided.
    @Test func copiedRecordsAddNoResult() async throws {
        try await withPipeline(destinations: Self.nowhere, signingKeys: try keys()) { pipeline in
            let drafts = try (0..<3).map { try pipeline.draft("f\($0)", [1], to: .named("nowhere")) }
            _ = try await pipeline.ingest.accept(drafts)
            _ = try await pipeline.run { try await results(pipeline, 3) }
            for topic in [pipeline.layout.tasks, pipeline.layout.outcomes, pipeline.layout.checkpoints] {
                let copies = try await pipeline.log.bounds(topic)
                for bounds in copies {
                    try await pipeline.log.scan(bounds.partition) { stored in
                        _ = try await pipeline.log.append(
                            stored.map {
                                AppendRequest(
                                    topic: topic, partitioning: .partition($0.position.partition.partition),
                                    record: $0.record)
                            })
                    }
                }
            }
            let last = try pipeline.draft("last", [1], to: .named("nowhere"))
            _ = try await pipeline.ingest.accept([last])
            let found = try await pipeline.run { try await results(pipeline, 4) }
            #expect(found.count == 4 && Set(found.map(\.taskId)).count == 4)
            let report = try await pipeline.audit()
            #expect(report.isClean)
        }
    }
}
