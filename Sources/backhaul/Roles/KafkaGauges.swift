import BackhaulKafka
import BackhaulTelemetry

/// librdkafka's own statistics as metrics, for operators who set `statistics.interval.ms`.
enum KafkaGauges {
    static func families(_ log: KafkaLog) -> [MetricFamily] {
        let clients = log.clientStatistics.sorted { $0.key < $1.key }
        guard !clients.isEmpty else { return log.families }
        func family(
            _ name: String, _ help: String, _ kind: MetricFamily.Kind, _ value: (KafkaStatistics.Client) -> Int
        ) -> MetricFamily {
            MetricFamily(
                name, help, kind,
                clients.map { MetricFamily.Sample(Double(value($0.value)), [.init("client", $0.key)]) })
        }
        return log.families + [
            family("backhaul_kafka_events_waiting", "Events and responses waiting to be served.", .gauge) { $0.replyq },
            family("backhaul_kafka_messages_waiting", "Messages waiting to be delivered.", .gauge) { $0.msgCnt },
            family("backhaul_kafka_sent_bytes_total", "Bytes sent to brokers.", .counter) { $0.txBytes },
            family("backhaul_kafka_received_bytes_total", "Bytes received from brokers.", .counter) { $0.rxBytes },
        ]
    }
}
