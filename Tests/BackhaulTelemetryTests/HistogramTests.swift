import Testing

@testable import BackhaulTelemetry

@Suite("Histograms and counters")
struct HistogramTests {
    @Test func bucketsAreCumulative() {
        let histogram = Histogram("x_seconds", "How long.", labels: ["kind"], bounds: [0.5, 1])
        #expect(histogram.family.samples.isEmpty)
        for value in [0.5, 0.7, 1.0, 9.0] { histogram.observe(value, ["a"]) }
        histogram.observe(0.1, ["b\""])
        #expect(
            MetricFamily.text([histogram.family]) == """
                # HELP x_seconds How long.
                # TYPE x_seconds histogram
                x_seconds_bucket{kind="a",le="0.5"} 1
                x_seconds_bucket{kind="a",le="1"} 3
                x_seconds_bucket{kind="a",le="+Inf"} 4
                x_seconds_sum{kind="a"} 11.2
                x_seconds_count{kind="a"} 4
                x_seconds_bucket{kind="b\\"",le="0.5"} 1
                x_seconds_bucket{kind="b\\"",le="1"} 1
                x_seconds_bucket{kind="b\\"",le="+Inf"} 1
                x_seconds_sum{kind="b\\""} 0.1
                x_seconds_count{kind="b\\""} 1

                """)
    }

    @Test func counterWithoutLabelsStartsAtZero() {
        let plain = Counter("a_total", "A.")
        let labelled = Counter("b_total", "B.", labels: ["kind"])
        #expect(plain.family.samples == [.init(0)] && labelled.family.samples.isEmpty)
        plain.add()
        labelled.add(2, ["x"])
        #expect(plain.family.samples == [.init(1)])
        #expect(labelled.family.samples == [.init(2, [.init("kind", "x")])])
    }
}
