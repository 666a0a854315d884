internal import CLibrdkafka

/// A snapshot of a member's group, generation and id; the fence of its transactions.
///
/// Unchecked: the object never changes.
final class MemberIdentity: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes ownership of the object.
    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit { rd_kafka_consumer_group_metadata_destroy(pointer) }
}
