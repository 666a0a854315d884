package import BackhaulUnits
internal import Synchronization

/// The progress of a transfer, readable from any thread.
package final class TransferProgress: Sendable {
    private let sent = Atomic<Int>(0)

    package init() {}

    /// Bytes of the body that were handed to libcurl, or written to a folder.
    package var bytesSent: ByteCount { ByteCount(clamping: sent.load(ordering: .relaxed)) }

    package func add(_ count: Int) { sent.wrappingAdd(count, ordering: .relaxed) }
    /// Bytes that are sent again.
    package func take(back count: Int) { sent.wrappingSubtract(count, ordering: .relaxed) }
    /// An attempt begins.
    package func restart() { sent.store(0, ordering: .relaxed) }
}
