import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Synchronization
import Testing

@testable import BackhaulWorker

@Suite("Interruptions, gates and marks")
struct InterruptionTests {
    private static let task = UploadTask(
        identity: TaskIdentity(tenant: "t", id: "x"), batch: "", source: SourceReference(root: "r", path: "p"),
        destination: DestinationReference(target: .named("n"), key: "k"), size: 0, modifiedAt: 0, acceptedAt: 1)

    private static func delivery(_ offset: Int64) -> TaskDelivery {
        let position = LogPosition(partition: TopicPartition(topic: "t", partition: 0), offset: offset)
        return TaskDelivery(
            delivery: Delivery(
                reference: DeliveryReference(group: "g", position: position, epoch: 1),
                stored: StoredRecord(position: position, appendedAt: 0, record: LogRecord(value: nil))),
            task: task, progress: TaskProgress())
    }

    private final class Tally: Sendable {
        let inside = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        let calls = Atomic<Int>(0)
    }

    private final class Marked: Sendable {
        let offsets = Mutex<[Int64]>([])
    }

    @Test func interruptionCallsHandlerOnce() {
        let tally = Tally()
        let early = Interruption()
        early.interrupt()
        early.arm { tally.calls.add(1, ordering: .relaxed) }
        early.interrupt()
        #expect(tally.calls.load(ordering: .relaxed) == 1)
        let late = Interruption()
        late.arm { tally.calls.add(1, ordering: .relaxed) }
        late.interrupt()
        late.interrupt()
        #expect(tally.calls.load(ordering: .relaxed) == 2)
        let disarmed = Interruption()
        disarmed.arm { tally.calls.add(1, ordering: .relaxed) }
        disarmed.disarm()
        disarmed.interrupt()
        #expect(tally.calls.load(ordering: .relaxed) == 2)
    }

    @Test func interruptionEndsGateWait() async throws {
        let gate = SlotGate(slots: 1)
        try await gate.enter(Self.task, Interruption())
        let interruption = Interruption()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    try await gate.enter(Self.task, interruption)
                    return true
                } catch {
                    return false
                }
            }
            interruption.interrupt()
            #expect(await group.next() == false)
        }
        // Interrupted before it enters, it does not wait either.
        await #expect(throws: CancellationError.self) { try await gate.enter(Self.task, interruption) }
        gate.leave(Self.task)
        try await gate.enter(Self.task, Interruption())
    }

    /// Many tasks enter and some are interrupted at any moment: no slot is lost and none is given twice.
    @Test func gateSlotsAreNeitherLostNorDoubled() async throws {
        let gate = SlotGate(slots: 3)
        let tally = Tally()
        await withDiscardingTaskGroup { group in
            for number in 0..<400 {
                let interruption = Interruption()
                group.addTask {
                    guard (try? await gate.enter(Self.task, interruption)) != nil else { return }
                    let count = tally.inside.add(1, ordering: .sequentiallyConsistent).newValue
                    tally.most.max(count, ordering: .sequentiallyConsistent)
                    await Task.yield()
                    tally.inside.subtract(1, ordering: .sequentiallyConsistent)
                    gate.leave(Self.task)
                }
                if number % 3 == 0 { group.addTask { interruption.interrupt() } }
            }
        }
        #expect(tally.most.load(ordering: .relaxed) <= 3)
        for _ in 0..<3 { try await gate.enter(Self.task, Interruption()) }
        let full = Interruption()
        full.interrupt()
        await #expect(throws: CancellationError.self) { try await gate.enter(Self.task, full) }
    }

    @Test func onlyLongUploadIsMarked() async throws {
        let clock = ManualClock()
        let marked = Marked()
        let news = Signal()
        let marks = InFlightMarks(after: .seconds(5), every: .seconds(60), clock: clock) { task, _, _ in
            marked.offsets.withLock { $0.append(task.delivery.stored.position.offset) }
            news.raise()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await marks.run() }
            marks.begin(Self.delivery(1), at: clock.now, startedAt: clock.now, progress: TransferProgress())
            marks.begin(Self.delivery(2), at: clock.now, startedAt: clock.now, progress: TransferProgress())
            let first = try await marks.end(Self.delivery(1).delivery.reference)
            #expect(!first)
            // The first scan may not have started yet; it uses the time at its start.
            while marked.offsets.withLock({ $0.isEmpty }) {
                clock.advance(by: .seconds(5))
                await Task.yield()
            }
            await news.wait()
            let second = try await marks.end(Self.delivery(2).delivery.reference)
            #expect(second)
            #expect(marked.offsets.withLock { $0 } == [2])
            let unknown = try await marks.end(Self.delivery(3).delivery.reference)
            #expect(!unknown)
            group.cancelAll()
        }
    }

    /// Reports come at intervals, but only with news; a wait for the server's answer writes nothing.
    @Test func longUploadReportsWhatIsNew() async throws {
        let clock = ManualClock()
        let reports = Mutex<[ByteCount?]>([])
        let news = Signal()
        let marks = InFlightMarks(after: .seconds(5), every: .seconds(10), clock: clock) { _, _, sent in
            reports.withLock { $0.append(sent) }
            news.raise()
        }
        let progress = TransferProgress()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await marks.run() }
            marks.begin(Self.delivery(1), at: clock.now, startedAt: clock.now, progress: progress)
            func wait(for count: Int) async {
                while reports.withLock({ $0.count }) < count {
                    clock.advance(by: .seconds(1))
                    await Task.yield()
                }
            }
            await wait(for: 1)
            progress.add(100)
            await wait(for: 2)
            for _ in 0..<1_000 {
                clock.advance(by: .seconds(1))
                await Task.yield()
            }
            #expect(reports.withLock { $0 } == [nil, ByteCount(100)])
            progress.add(50)
            await wait(for: 3)
            #expect(reports.withLock { $0 } == [nil, ByteCount(100), ByteCount(150)])
            let isMarked = try await marks.end(Self.delivery(1).delivery.reference)
            #expect(isMarked)
            progress.add(1)
            for _ in 0..<1_000 {
                clock.advance(by: .seconds(1))
                await Task.yield()
            }
            #expect(reports.withLock { $0.count } == 3)
            group.cancelAll()
        }
    }

    @Test func uploadEndWaitsForPendingMark() async throws {
        let clock = ManualClock()
        let begun = Signal()
        let go = Signal()
        let marks = InFlightMarks(after: .seconds(1), every: .seconds(60), clock: clock) { _, _, _ in
            begun.raise()
            await go.wait()
            throw LogError.closed
        }
        marks.begin(Self.delivery(1), at: clock.now - .seconds(1), startedAt: clock.now, progress: TransferProgress())
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await marks.run() }
            await begun.wait()
            group.addTask {
                await #expect(throws: LogError.self) { try await marks.end(Self.delivery(1).delivery.reference) }
                go.raise()
            }
            go.raise()
            await group.next()
            group.cancelAll()
        }
    }
}
