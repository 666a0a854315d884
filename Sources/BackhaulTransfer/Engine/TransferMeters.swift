package import BackhaulTelemetry
internal import Synchronization

/// The metrics of an engine's transfers. Several engines of a process may share them.
package final class TransferMeters: Sendable {
    private let running = Atomic(0)
    private let waiting = Atomic(0)
    private let opened = Counter(
        "backhaul_transfer_connections_opened_total", "Connections opened for transfers.")
    private let ended = Counter(
        "backhaul_transfers_total", "Requests to destinations, by class of response.", labels: ["answer"])

    package init() {}

    package var families: [MetricFamily] {
        [
            MetricFamily(
                "backhaul_transfers_running", "Running requests to destinations.", .gauge,
                [.init(Double(running.load(ordering: .relaxed)))]),
            MetricFamily(
                "backhaul_transfers_waiting", "Requests that wait for their host or for a free slot.", .gauge,
                [.init(Double(waiting.load(ordering: .relaxed)))]),
            opened.family, ended.family,
        ]
    }

    func moved(running change: Int, waiting other: Int) {
        running.add(change, ordering: .relaxed)
        waiting.add(other, ordering: .relaxed)
    }

    /// - Parameter connections: how many were opened for the transfer.
    func finished(_ report: TransferReport, connections: Int) {
        if connections > 0 { opened.add(Double(connections)) }
        ended.add(1, [report.failure == nil ? report.status.map { "\($0 / 100)xx" } ?? "none" : "failed"])
    }
}
