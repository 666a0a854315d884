import BackhaulAudit
import BackhaulLog
import BackhaulTelemetry
import BackhaulUnits

/// How an audit ended, as metrics.
struct AuditMetrics {
    private let families: [MetricFamily]

    /// - Parameters:
    ///   - exit: how the command ends; nil for 0.
    ///   - report: what was found; nil when the audit could not be made.
    init(_ exit: ProcessExit?, _ report: AuditReport? = nil) {
        let end = Double(SystemLogClock.wall.milliseconds) / 1_000
        var families = [
            MetricFamily(
                "backhaul_audit_end_timestamp_seconds", "When the audit ended.", .gauge, [MetricFamily.Sample(end)]),
            MetricFamily(
                "backhaul_audit_exit_code", "The exit code of the audit.", .gauge,
                [MetricFamily.Sample(Double(exit?.rawValue ?? 0))]),
        ]
        if let report {
            families.append(
                MetricFamily(
                    "backhaul_audit_findings", "What the audit found, by kind.", .gauge,
                    AuditFinding.Kind.allCases.map { kind in
                        MetricFamily.Sample(Double(report.count(kind)), [.init("kind", "\(kind)")])
                    }))
        }
        self.families = families
    }

    /// - Throws: `CommandError` when it could not be written.
    func write(to file: ReportFile) throws {
        try file.write { line in
            for text in MetricFamily.text(families).split(separator: "\n") { try line(String(text)) }
        }
    }
}
