/// The position of a record in the log.
package struct LogPosition: Hashable, Sendable, CustomStringConvertible {
    /// The partition of the record.
    package var partition: TopicPartition
    /// The record's offset in its partition, from 0, increasing with each append.
    package var offset: Int64

    package init(partition: TopicPartition, offset: Int64) {
        self.partition = partition
        self.offset = offset
    }

    package var description: String { "\(partition)@\(offset)" }
}
