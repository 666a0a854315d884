import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Logging
import Testing

@testable import BackhaulWorker

@Suite("Partition ownership")
struct OwnershipTests {
    /// Interleaving: lost(p), assigned(p), delivered(p@0, due later), all before any work that the loss started has
    /// ended. The task belongs to the new ownership: it waits until it is due and is then attempted.
    @Test(arguments: 0..<10)
    func taskSurvivesLossOfEarlierAssignment(round: Int) async throws {
        try await withPipeline(destinations: ["nowhere": Destination(DropDestination())], partitions: 1) { pipeline in
            let partition = TopicPartition(topic: pipeline.layout.tasks, partition: 0)
            _ = try await pipeline.ingest.accept([try pipeline.draft("a", [1], to: .named("nowhere"))])
            let stored = try #require(try await pipeline.records(pipeline.layout.tasks).first)
            let session = ScriptedSession()
            let log = ScriptedLog(pipeline.log, session: session, group: pipeline.layout.workers)
            let group = pipeline.layout.workers
            func assigned(_ epoch: Int) -> SessionEvent {
                .assigned([
                    AssignedPartition(
                        group: group, partition: partition, epoch: epoch, position: GroupPosition(frontier: 0))
                ])
            }
            func delivered(_ epoch: Int, due: Timestamp) -> SessionEvent {
                var late = stored
                late.record.headers.append(LogHeader(HeaderName.due, text: String(due.milliseconds)))
                return .delivered([
                    Delivery(
                        reference: DeliveryReference(group: group, position: stored.position, epoch: epoch),
                        stored: late)
                ])
            }
            let due = pipeline.clock.now + .milliseconds(60)
            session.give(assigned(1))
            session.give(delivered(1, due: due))
            session.give(.lost(Revocation(group: group, partitions: [partition])))
            session.give(assigned(2))
            session.give(delivered(2, due: due))
            try await work(pipeline, log) {
                try await within(300, "the task of the new ownership") {
                    while !session.settled.contains(where: \.finishes) {
                        await session.settlements.wait()
                        // In a cancelled task, `wait` returns at once.
                        try Task.checkCancellation()
                    }
                }
            }
            // The mark comes first: the record is older than the ownership, so its earlier owner may have died of it.
            #expect(session.settled.map(\.delivery.epoch) == [2, 2])
            #expect(session.settled.map(\.finishes) == [false, true])
        }
    }

    /// A decision whose records the log permanently refuses ends in a dead letter, and its task has failed.
    @Test func refusedDecisionBecomesDeadLetter() throws {
        let writer = DecisionWriter(layout: TopicLayout(), worker: "w")
        let task = UploadTask(
            identity: TaskIdentity(tenant: "t", id: "1"), batch: "b", source: SourceReference(root: "r", path: "p"),
            destination: DestinationReference(target: .named("nas"), key: "k"), size: 1, modifiedAt: 0, acceptedAt: 1)
        let position = LogPosition(partition: TopicPartition(topic: "backhaul.tasks", partition: 3), offset: 7)
        let delivery = Delivery(
            reference: DeliveryReference(group: "g", position: position, epoch: 1),
            stored: StoredRecord(
                position: position, appendedAt: 1, record: LogRecord(value: try TaskCodec.encode(task))))
        let moved = writer.moved(
            TaskDelivery(delivery: delivery, task: task, progress: TaskProgress()), toTier: .seconds(10))
        let error = LogError.recordTooLarge(size: 5, limit: 4)
        let unit = try writer.substitute(moved, error, refusals: 1, now: 9)
        #expect(unit.finishes && unit.delivery == delivery.reference)
        #expect(unit.appends.map(\.topic) == ["backhaul.dead-letters", "backhaul.outcomes"])
        let letter = unit.appends[0].record
        #expect(letter.value == nil)
        #expect(letter.header(HeaderName.origin)?.text == "backhaul.tasks/3@7")
        #expect(letter.header(HeaderName.originSize)?.text == String(moved.appends[0].record.size.bytes))
        #expect(letter.header(HeaderName.causeMessage)?.text?.contains("exceeds the limit of 4 bytes") == true)
        let outcome = try OutcomeCodec.decode(unit.appends[1].record.value)
        #expect(outcome.kind == .failed && outcome.task.identity == task.identity)
        let last = try writer.substitute(moved, error, refusals: 2, now: 9)
        #expect(last.appends.isEmpty && last.finishes)
    }

    /// A stopped worker is deallocated: its lanes hold its cancellations, which must not retain the lanes.
    @Test func stoppedWorkerIsDeallocated() async throws {
        try await withPipeline { pipeline in
            let ended = Ended()
            try await work(pipeline, pipeline.log, ended) {}
            #expect(ended.worker == nil)
        }
    }

    /// A stop that comes before the lanes exist ends `run` once they would begin.
    @Test(.timeLimit(.minutes(1))) func stopBeforeRunEndsIt() async throws {
        try await withPipeline { pipeline in
            let pool = ReaderPool()
            let engine = try TransferEngine(limits: .standard, egress: .privateNetworks, pool: pool)
            let worker = Worker(
                log: pipeline.log,
                options: WorkerOptions(name: "w", layout: pipeline.layout, policy: pipeline.policy),
                execution: UploadExecution(
                    destinations: LiveDestinations(pipeline.destinations), roots: pipeline.roots,
                    runner: DialectRunner(engine: engine, pool: pool) { pipeline.clock.wall }),
                clock: pipeline.clock, logger: Logger(label: "test"))
            await worker.stop()
            try await worker.run()
            await engine.close()
        }
    }

    private final class Ended {
        weak var worker: Worker?
    }

    private func work(
        _ pipeline: Pipeline, _ log: any MessageLog, _ ended: Ended? = nil, _ body: () async throws -> Void
    ) async throws {
        let pool = ReaderPool()
        let engine = try TransferEngine(limits: .standard, egress: .privateNetworks, pool: pool)
        let worker = Worker(
            log: log,
            options: WorkerOptions(name: "w", layout: pipeline.layout, policy: pipeline.policy),
            execution: UploadExecution(
                destinations: LiveDestinations(pipeline.destinations), roots: pipeline.roots,
                runner: DialectRunner(engine: engine, pool: pool) { pipeline.clock.wall }),
            clock: pipeline.clock, logger: Logger(label: "test"))
        ended?.worker = worker
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            do {
                try await body()
            } catch {
                await worker.stop(grace: .zero)
                throw error
            }
            await worker.stop(grace: .zero)
            try await group.waitForAll()
        }
        await engine.close()
    }
}
