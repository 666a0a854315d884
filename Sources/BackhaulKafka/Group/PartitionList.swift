internal import BackhaulLog
internal import CLibrdkafka
internal import Foundation

/// A list of partitions with offsets and metadata, as librdkafka takes and gives it; destroyed with its owner.
struct PartitionList: ~Copyable {
    let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(capacity: Int = 8) {
        pointer = rd_kafka_topic_partition_list_new(Int32(clamping: capacity))
    }

    /// Takes the list over.
    init(owning pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) {
        self.pointer = pointer
    }

    init(_ partitions: some Collection<TopicPartition>) {
        self.init(capacity: partitions.count)
        for partition in partitions { add(partition) }
    }

    deinit { rd_kafka_topic_partition_list_destroy(pointer) }

    /// - Parameter metadata: text without NUL bytes: librdkafka below 2.6.1 cuts there when it reads it back.
    func add(_ partition: TopicPartition, offset: Int64? = nil, metadata: String = "") {
        guard
            let entry = rd_kafka_topic_partition_list_add(
                pointer, partition.topic, Int32(clamping: partition.partition))
        else { return }
        if let offset { entry.pointee.offset = offset }
        guard !metadata.isEmpty else { return }
        // Freed by the list with free(3).
        entry.pointee.metadata = UnsafeMutableRawPointer(strdup(metadata))
        entry.pointee.metadata_size = metadata.utf8.count
    }

    /// One entry of a list.
    struct Entry {
        var partition: TopicPartition
        var offset: Int64
        var metadata: String
        var error: rd_kafka_resp_err_t

        /// As a group's position.
        var position: GroupPosition { GroupPosition(frontier: offset, map: CommitMetadata(text: metadata).map) }
    }

    var entries: [Entry] { Self.entries(of: UnsafePointer(pointer)) }

    /// The entries of a list that another owns.
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
