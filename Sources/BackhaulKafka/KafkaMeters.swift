internal import BackhaulTelemetry

/// What a log of a fleet counts of its groups and transactions.
struct KafkaMeters: Sendable {
    let rebalances = Counter(
        "backhaul_kafka_rebalances_total", "Times that partitions were given to this process, asked back or lost.",
        labels: ["group", "kind"])
    let transactions = Counter(
        "backhaul_kafka_transactions_total",
        "Transactions, by how they ended; uncertain ones are looked up afterwards.",
        labels: ["outcome"])
    let commits = Histogram(
        "backhaul_kafka_commit_duration_seconds",
        "How long writing a batch took: a transaction, or records and positions."
    )

    var families: [MetricFamily] { [rebalances.family, transactions.family, commits.family] }
}
