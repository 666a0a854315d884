internal import BackhaulTelemetry

/// Metrics of the groups and transactions of a Kafka log.
struct KafkaMeters: Sendable {
    let rebalances = Counter(
        "backhaul_kafka_rebalances_total", "Assignments, revocations and losses of partitions.",
        labels: ["group", "kind"])
    let transactions = Counter(
        "backhaul_kafka_transactions_total",
        "Transactions, by outcome; an uncertain one is resolved from the groups' positions.",
        labels: ["outcome"])
    let commits = Histogram(
        "backhaul_kafka_commit_duration_seconds",
        "How long writing a settlement took: one transaction."
    )

    var families: [MetricFamily] { [rebalances.family, transactions.family, commits.family] }
}
