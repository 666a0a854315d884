internal import CLibrdkafka

/// A snapshot of a member's group, generation and id; the fence of its transactions.
///
/// Unchecked: the object is never changed.
final class MemberIdentity: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes the object over.
    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit { rd_kafka_consumer_group_metadata_destroy(pointer) }
}
