internal import Synchronization

/// Counts values by range and labels: a Prometheus histogram.
///
/// Label values must come from a bounded set: each combination is kept forever.
package final class Histogram: Sendable {
    private struct Series {
        var counts: [UInt64]
        var sum = 0.0
        var count: UInt64 = 0
    }

    private let name: String
    private let help: String
    private let labels: [String]
    private let bounds: [Double]
    private let series = Mutex<[[String]: Series]>([:])

    /// Bounds for durations from a millisecond to some hours, in seconds.
    package static let seconds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200,
    ]

    /// - Parameters:
    ///   - name: includes the unit, in base units.
    ///   - labels: the names of the labels, in order.
    ///   - bounds: the upper bounds of the ranges, ascending; a range without a bound follows.
    package init(_ name: String, _ help: String, labels: [String] = [], bounds: [Double] = Histogram.seconds) {
        self.name = name
        self.help = help
        self.labels = labels
        self.bounds = bounds
    }

    /// - Parameter values: the labels' values, one for each label.
    package func observe(_ value: Double, _ values: [String] = []) {
        let index = bounds.firstIndex { value <= $0 } ?? bounds.count
        series.withLock { all in
            var one = all[values] ?? Series(counts: [UInt64](repeating: 0, count: bounds.count + 1))
            one.counts[index] += 1
            one.sum += value
            one.count += 1
            all[values] = one
        }
    }

    /// The values so far; empty before the first.
    package var family: MetricFamily {
        let all = series.withLock { $0 }
        var samples: [MetricFamily.Sample] = []
        for (values, one) in all.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            let own = zip(labels, values).map { MetricFamily.Label($0, $1) }
            var sum: UInt64 = 0
            for (index, count) in one.counts.enumerated() {
                sum += count
                let bound = index < bounds.count ? MetricFamily.number(bounds[index]) : "+Inf"
                samples.append(.init(Double(sum), own + [.init("le", bound)], suffix: "_bucket"))
            }
            samples.append(.init(one.sum, own, suffix: "_sum"))
            samples.append(.init(Double(one.count), own, suffix: "_count"))
        }
        return MetricFamily(name, help, .histogram, samples)
    }
}
