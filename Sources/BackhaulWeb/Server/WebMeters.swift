package import BackhaulTelemetry

/// The metrics of an HTTP server.
package struct WebMeters: Sendable {
    let requests = Histogram(
        "backhaul_http_request_duration_seconds", "Time from a request to the head of its response.",
        labels: ["route", "status"])
    let refusals = Counter(
        "backhaul_http_refusals_total", "Refused requests and batch lines, by problem code.", labels: ["code"])
    let slow = Counter(
        "backhaul_http_slow_clients_total", "Connections closed because the client was too slow.")
    let evicted = Counter(
        "backhaul_http_evicted_connections_total",
        "Connections closed because a new one exceeded the limit of connections.")
    let tasks = Counter(
        "backhaul_ingest_tasks_total", "Tasks submitted over HTTP, by outcome.",
        labels: ["outcome"])
    let lookupFailures = Counter(
        "backhaul_ingest_lookup_failures_total",
        "Requests for which nobody could be asked which tasks are known; their tasks were taken as new.")

    package init() {}

    package var families: [MetricFamily] {
        [requests.family, refusals.family, slow.family, evicted.family, tasks.family, lookupFailures.family]
    }
}
