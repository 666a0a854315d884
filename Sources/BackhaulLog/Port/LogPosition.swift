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

    /// Reads what `description` writes.
    package init?(_ text: String) {
        let ends = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard ends.count == 2, let offset = Int64(Substring(ends[1])), offset >= 0 else { return nil }
        // A topic's name contains neither a slash nor an at sign.
        let parts = ends[0].split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Int(Substring(parts[1])), number >= 0, !parts[0].isEmpty else {
            return nil
        }
        self.init(partition: TopicPartition(topic: String(Substring(parts[0])), partition: number), offset: offset)
    }
}
