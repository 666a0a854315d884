/// Where a record stands in the log.
package struct LogPosition: Hashable, Sendable, CustomStringConvertible {
    /// The partition that holds the record.
    package var partition: TopicPartition
    /// The record's offset in its partition, from 0, growing with each append.
    package var offset: Int64

    package init(partition: TopicPartition, offset: Int64) {
        self.partition = partition
        self.offset = offset
    }

    package var description: String { "\(partition)@\(offset)" }
}
