import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulTestKit
import BackhaulUnits
import BackhaulWorker
import Testing

@Suite("Task deliveries")
struct TaskDeliveryTests {
    private func task(_ offset: Int64) -> TaskDelivery {
        let position = LogPosition(partition: TopicPartition(topic: "t", partition: 0), offset: offset)
        return TaskDelivery(
            delivery: Delivery(
                reference: DeliveryReference(group: "g", position: position, epoch: 1),
                stored: StoredRecord(position: position, appendedAt: 0, record: LogRecord(value: nil))),
            task: UploadTask(
                identity: TaskIdentity(tenant: "t", id: "\(offset)"), batch: "",
                source: SourceReference(root: "r", path: "p"),
                destination: DestinationReference(target: .named("n"), key: "k"),
                size: 0, modifiedAt: 0, acceptedAt: 1),
            progress: TaskProgress())
    }

    /// Any writer of the topic can set it: a task due in the year 9999 went from tier to tier for ever.
    @Test func dueTimeIsBoundedByTheLongestWait() throws {
        let far = Timestamp(clamping: 253_402_300_799_999)
        let known = task(1)
        let record = LogRecord(
            value: try TaskCodec.encode(known.task), headers: ProgressHeaders.encode(TaskProgress(due: far)))
        var delivery = known.delivery
        delivery.stored.record = record
        let latest = delivery.stored.appendedAt + Domain.longestWait
        #expect(try TaskDelivery.read(delivery, checkpoint: nil).progress.due == latest)
        let checkpoint = Checkpoint(task: known.generation, isInFlight: false, progress: TaskProgress(due: far))
        #expect(try TaskDelivery.read(delivery, checkpoint: checkpoint).progress.due == latest)
    }

    /// A record from before the clock was set back has due times that are late by the same amount.
    @Test func dueTimeIsShiftedByClockSkew() throws {
        var delivery = task(1).delivery
        delivery.stored.record = LogRecord(
            value: try TaskCodec.encode(task(1).task), headers: [LogHeader(HeaderName.due, text: "5000000")])
        #expect(try TaskDelivery.read(delivery, checkpoint: nil).progress.due == 5_000_000)
        delivery.skew = .seconds(3_600)
        #expect(try TaskDelivery.read(delivery, checkpoint: nil).progress.due == 1_400_000)
    }
}
