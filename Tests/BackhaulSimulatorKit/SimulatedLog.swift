import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulUnits
import BackhaulWorker

/// A log of the simulation: partitions of records, positions of groups, and one owner for each partition.
struct SimulatedLog {
    let layout: TopicLayout
    let partitions: Int
    var records: [TopicPartition: [StoredRecord]] = [:]
    var positions: [TopicPartition: GroupPosition] = [:]
    var checkpoints: [[UInt8]: LogRecord] = [:]
    var outcomes: [Outcome] = []
    var deadLetters = 0
    var owners: [TopicPartition: Int] = [:]
    var epochs = 0

    init(layout: TopicLayout, partitions: Int) {
        self.layout = layout
        self.partitions = partitions
    }

    mutating func append(_ request: AppendRequest, now: Timestamp) {
        switch request.topic {
        case layout.checkpoints:
            guard let key = request.record.key else { return }
            checkpoints[key] = request.record.value == nil ? nil : request.record
        case layout.outcomes:
            if let outcome = try? OutcomeRecord.read(request.record) { outcomes.append(outcome) }
        case layout.deadLetters: deadLetters += 1
        case layout.control: return
        default:
            let number =
                switch request.partitioning {
                case .hash(let key): Partitioner.partition(of: key, among: partitions)
                case .partition(let number): number
                }
            let partition = TopicPartition(topic: request.topic, partition: number)
            let offset = Int64(records[partition, default: []].count)
            records[partition, default: []].append(
                StoredRecord(
                    position: LogPosition(partition: partition, offset: offset), appendedAt: now,
                    record: request.record))
        }
    }

    func inherited(_ arrival: Arrival) -> [LogPosition: Checkpoint] {
        var found: [LogPosition: Checkpoint] = [:]
        let prefix = CheckpointRecord.keyPrefix(arrival.partition)
        for (key, record) in checkpoints {
            guard let offset = CheckpointRecord.offset(ofKey: key, prefix: prefix) else { continue }
            found[LogPosition(partition: arrival.partition, offset: offset)] = try? CheckpointRecord.read(record)
        }
        return found
    }
}
