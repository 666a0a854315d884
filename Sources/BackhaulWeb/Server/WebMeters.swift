package import BackhaulTelemetry

/// What a server counts of itself.
package struct WebMeters: Sendable {
    let requests = Histogram(
        "backhaul_http_request_duration_seconds", "How long requests took, to the head of their answer.",
        labels: ["route", "status"])
    let refusals = Counter(
        "backhaul_http_refusals_total", "Requests and lines that were refused, by problem code.", labels: ["code"])
    let slow = Counter(
        "backhaul_http_slow_clients_total", "Connections that were closed because the client was too slow.")
    let tasks = Counter(
        "backhaul_ingest_tasks_total", "Tasks that HTTP callers handed in, by what became of them.",
        labels: ["outcome"])

    package init() {}

    package var families: [MetricFamily] { [requests.family, refusals.family, slow.family, tasks.family] }
}
