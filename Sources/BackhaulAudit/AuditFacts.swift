/// All that was read about a task generation.
struct AuditFacts {
    var name: String
    var counts: [AuditFact.Kind: Int] = [:]
    /// Whether it was accepted with two contents.
    var hasTwoContents = false

    init(name: String) { self.name = name }

    func has(_ kind: AuditFact.Kind) -> Bool { counts[kind] != nil }
}
