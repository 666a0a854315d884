internal import BackhaulDomain
package import BackhaulTelemetry

/// The metrics of a worker.
package struct WorkerMeters: Sendable {
    /// Seconds from the append of the task's record, or from when a retry was due, to the start of the upload.
    let wait = Histogram(
        "backhaul_task_wait_duration_seconds",
        "How long tasks waited from the append of their record, or from when a retry was due, to the upload.",
        labels: ["lane"])
    let uploads = Histogram(
        "backhaul_upload_duration_seconds", "How long uploads took, by destination and outcome.",
        labels: ["destination", "outcome"])
    let settle = Histogram(
        "backhaul_settle_duration_seconds", "How long it took from a decision to its record in the log.")
    let bytes = Counter(
        "backhaul_uploaded_bytes_total", "Bytes of the files that were stored.", labels: ["destination"])

    let malformed = Counter(
        "backhaul_malformed_records_total", "Records that are malformed for their topic, by topic.", labels: ["topic"])
    let refusals = Counter(
        "backhaul_refused_decisions_total",
        "Decisions whose records the log refuses for good: named by a dead letter, or skipped.", labels: ["end"])

    let breakers = OpenBreakers()

    package init() {}

    package var families: [MetricFamily] {
        [wait.family, uploads.family, settle.family, bytes.family, malformed.family, refusals.family, breakers.family]
    }

    /// What operators should know even though the worker is running; nil for nothing.
    package var remark: String? {
        let count = refusals.total
        let refused =
            count == 0 ? nil : "\(Int(count)) decisions were refused by the log; see 'backhaul dead-letters list'"
        let remarks = [breakers.remark, refused].compactMap { $0 }
        return remarks.isEmpty ? nil : remarks.joined(separator: "; ")
    }

    /// The metric label of a destination: its name, or `url` for all URLs of submitters, since their number is not
    /// bounded.
    func label(_ target: DestinationReference.Target) -> String {
        if case .named(let name) = target { name.text } else { "url" }
    }
}
