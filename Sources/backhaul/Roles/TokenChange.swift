import BackhaulSettings

/// What changed when the file of tokens was read again.
struct TokenChange: Sendable {
    /// Names, without secrets or their hashes.
    var text: String
    /// Why the file revokes every token; nil when it is fine.
    var problem: String?

    init(from old: [APISettings.Token], to new: [APISettings.Token], problem: String?) {
        self.problem = problem
        let before = Dictionary(old.map { ($0.name, $0) }) { first, _ in first }
        let after = Dictionary(new.map { ($0.name, $0) }) { first, _ in first }
        func names(_ word: String, _ names: [String]) -> String? {
            names.isEmpty ? nil : "\(word): \(names.sorted().joined(separator: ", "))"
        }
        let parts = [
            problem.map { "every token is revoked: \($0)" },
            names("added", after.keys.filter { before[$0] == nil }),
            names("changed", after.keys.filter { before[$0] != nil && before[$0] != after[$0] }),
            names("removed", before.keys.filter { after[$0] == nil }),
        ]
        text = parts.compactMap(\.self).joined(separator: "; ")
    }
}
