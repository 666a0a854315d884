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

    package init() {}

    package var families: [MetricFamily] { [wait.family, uploads.family, settle.family, bytes.family] }

    /// The label of a destination: its name. URLs of submitters are not bounded, so they are one.
    func label(_ place: DestinationReference.Place) -> String {
        if case .named(let name) = place { name } else { "url" }
    }
}
