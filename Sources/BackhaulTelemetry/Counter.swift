internal import Synchronization

/// Counts events by labels. Label values must come from a bounded set.
package final class Counter: Sendable {
    private let name: String
    private let help: String
    private let labels: [String]
    private let counts = Mutex<[[String]: Double]>([:])

    /// - Parameters:
    ///   - name: ends with `_total`.
    ///   - labels: the names of the labels, in order.
    package init(_ name: String, _ help: String, labels: [String] = []) {
        self.name = name
        self.help = help
        self.labels = labels
        // Without labels the sample exists from the start: absent is not zero.
        if labels.isEmpty { counts.withLock { $0[[]] = 0 } }
    }

    package func add(_ amount: Double = 1, _ values: [String] = []) {
        counts.withLock { $0[values, default: 0] += amount }
    }

    /// The sum over all labels.
    package var total: Double { counts.withLock { $0.values.reduce(0, +) } }

    package var family: MetricFamily {
        let all = counts.withLock { $0 }
        return MetricFamily(
            name, help, .counter,
            all.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { values, count in
                MetricFamily.Sample(count, zip(labels, values).map { MetricFamily.Label($0, $1) })
            })
    }
}
