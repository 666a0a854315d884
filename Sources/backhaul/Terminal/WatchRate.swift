import BackhaulDomain
import BackhaulUnits
import BackhaulView

/// How fast tasks end, and how fast their bytes go, between two pictures.
struct WatchRate {
    var tasks = 0.0
    var bytes = 0.0

    init(from first: WatchCommand.Sample?, to second: WatchCommand.Sample) {
        guard let first else { return }
        let seconds = max(0.001, (second.at - first.at) / .seconds(1))
        tasks = Double(max(0, second.counts.ended - first.counts.ended)) / seconds
        bytes = max(0, Self.moved(from: first, to: second)) / seconds
    }

    /// What is stored in addition, and what the uploads in both pictures have sent. Of an upload that has left, what it
    /// had sent counts already.
    private static func moved(from first: WatchCommand.Sample, to second: WatchCommand.Sample) -> Double {
        func sent(_ sample: WatchCommand.Sample) -> [TaskGeneration: Double] {
            Dictionary(sample.inFlight.map { ($0.task, Double($0.bytesSent?.bytes ?? 0)) }) { first, _ in first }
        }
        let (before, after) = (sent(first), sent(second))
        let stored = Double((second.storedSize - first.storedSize).bytes)
        return before.reduce(stored) { sum, upload in sum + (after[upload.key] ?? 0) - upload.value }
    }
}
