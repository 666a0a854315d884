internal import Synchronization

/// The destinations as currently configured: a reload may change credentials while uploads run. An upload keeps
/// those that it began with.
package final class LiveDestinations: Sendable {
    private let current: Mutex<DestinationTable>

    package init(_ table: DestinationTable) { current = Mutex(table) }

    package var table: DestinationTable { current.withLock { $0 } }

    package func replace(_ table: DestinationTable) { current.withLock { $0 = table } }
}
