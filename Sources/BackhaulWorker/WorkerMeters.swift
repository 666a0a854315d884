internal import BackhaulDomain
package import BackhaulTelemetry

/// What a worker measures of its tasks.
package struct WorkerMeters: Sendable {
    /// From acceptance, or from when a retry was due, to the beginning of the upload.
    let wait = Histogram(
        "backhaul_task_wait_duration_seconds",
        "How long tasks waited: from acceptance, or from when a retry was due, to the beginning of the upload.",
        labels: ["lane"])
    let uploads = Histogram(
        "backhaul_upload_duration_seconds", "How long uploads took, by destination and by what came of them.",
        labels: ["destination", "outcome"])
    let settle = Histogram(
        "backhaul_settle_duration_seconds", "From a decision to its record in the log.")
    let bytes = Counter(
        "backhaul_uploaded_bytes_total", "Bytes of the files that were stored.", labels: ["destination"])

    let malformed = Counter(
        "backhaul_malformed_records_total", "Records that were not what their topic holds, by topic.", labels: ["topic"]
    )
    let refusals = Counter(
        "backhaul_refused_decisions_total",
        "Decisions whose records the log refuses for good: named by a dead letter, or passed over.", labels: ["end"])

    package init() {}

    package var families: [MetricFamily] {
        [wait.family, uploads.family, settle.family, bytes.family, malformed.family, refusals.family]
    }

    /// What operators should know of, though the worker works; nil for nothing.
    package var remark: String? {
        let count = refusals.total
        return count == 0 ? nil : "\(Int(count)) decisions were refused by the log; see 'backhaul dead-letters list'"
    }

    /// The label of a destination: its name. URLs of submitters are not bounded, so they are one.
    func label(_ place: DestinationReference.Place) -> String {
        if case .named(let name) = place { name.text } else { "url" }
    }
}
