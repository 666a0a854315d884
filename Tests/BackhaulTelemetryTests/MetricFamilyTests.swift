import BackhaulTelemetry
import Testing

@Suite("Metric text")
struct MetricFamilyTests {
    @Test func metricsArePrometheusText() {
        let families = [
            MetricFamily(
                "backhaul_things_bytes", "Bytes, \"many\"\nor \\ few.", .gauge,
                [.init(3), .init(0.5, [.init("topic", "a\"b\\c\nd"), .init("group", "g")])]),
            MetricFamily("backhaul_done_total", "Done.", .counter, [.init(1e18), .init(.infinity)]),
        ]
        #expect(
            MetricFamily.text(families) == """
                # HELP backhaul_things_bytes Bytes, "many"\\nor \\\\ few.
                # TYPE backhaul_things_bytes gauge
                backhaul_things_bytes 3
                backhaul_things_bytes{topic="a\\"b\\\\c\\nd",group="g"} 0.5
                # HELP backhaul_done_total Done.
                # TYPE backhaul_done_total counter
                backhaul_done_total 1e+18
                backhaul_done_total +Inf

                """)
    }
}
