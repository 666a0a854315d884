internal import BackhaulLog
internal import CLibrdkafka
internal import Foundation

/// librdkafka's list of partitions with offsets and metadata; destroyed with this value.
struct PartitionList: ~Copyable {
    let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(capacity: Int = 8) {
        pointer = rd_kafka_topic_partition_list_new(Int32(clamping: capacity))
    }

    /// Takes ownership of the list.
    init(owning pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) {
        self.pointer = pointer
    }

    init(_ partitions: some Collection<TopicPartition>) {
        self.init(capacity: partitions.count)
        for partition in partitions { add(partition) }
    }

    deinit { rd_kafka_topic_partition_list_destroy(pointer) }

    /// - Parameter metadata: text without NUL bytes, at which librdkafka before 2.6.1 truncates it when reading.
    func add(_ partition: TopicPartition, offset: Int64? = nil, metadata: String = "") {
        guard
            let entry = rd_kafka_topic_partition_list_add(
                pointer, partition.topic, Int32(clamping: partition.partition))
        else { return }
        if let offset { entry.pointee.offset = offset }
        guard !metadata.isEmpty else { return }
        // The list frees it with free(3).
        entry.pointee.metadata = UnsafeMutableRawPointer(strdup(metadata))
        entry.pointee.metadata_size = metadata.utf8.count
    }

    /// One entry of a list.
    struct Entry {
        var partition: TopicPartition
        var offset: Int64
        var metadata: String
        var error: rd_kafka_resp_err_t

        /// The offset and metadata as a group's position.
        var position: GroupPosition { GroupPosition(frontier: offset, map: CommitMetadata(text: metadata).map) }
    }

    var entries: [Entry] { Self.entries(of: UnsafePointer(pointer)) }

    /// The entries of a list that another object owns.
    static func entries(of list: UnsafePointer<rd_kafka_topic_partition_list_t>?) -> [Entry] {
        guard let list else { return [] }
        return (0..<Int(list.pointee.cnt)).map { index in
            let entry = list.pointee.elems[index]
            var metadata = ""
            if let bytes = entry.metadata, entry.metadata_size > 0 {
                metadata = String(
                    decoding: UnsafeRawBufferPointer(start: bytes, count: entry.metadata_size), as: UTF8.self)
            }
            return Entry(
                partition: TopicPartition(topic: String(cString: entry.topic), partition: Int(entry.partition)),
                offset: entry.offset, metadata: metadata, error: entry.err)
        }
    }
}
