package import BackhaulUnits
internal import Synchronization

/// The progress of a transfer, readable from any thread.
package final class TransferProgress: Sendable {
    private let sent = Atomic<UInt64>(0)

    package init() {}

    /// Bytes of the body that were handed to libcurl, or written to a folder.
    package var bytesSent: ByteCount { ByteCount(sent.load(ordering: .relaxed)) }

    package func add(_ count: Int) { sent.add(UInt64(count), ordering: .relaxed) }
    /// The body is sent from its beginning.
    package func restart() { sent.store(0, ordering: .relaxed) }
}
