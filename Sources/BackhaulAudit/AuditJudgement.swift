/// What an audit says of one task generation.
struct AuditJudgement {
    var findings: [AuditFinding] = []
    /// Whether neither a result nor a stage is known.
    var isMissing = false
}
