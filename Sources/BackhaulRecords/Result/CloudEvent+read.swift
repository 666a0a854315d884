package import BackhaulDomain

/// Reads a result's headers alone, for readers that only need the generation and its status: a tenth of the cost of
/// the document.
extension CloudEvent {
    /// - Parameter text: returns the text of the header with a name.
    /// - Returns: nil when the headers are not those of a result of version 1.
    package static func read(_ text: (String) -> String?) -> (task: TaskGeneration, status: OutcomeKind)? {
        guard let id = text("ce_id"), let type = text("ce_type"), type.hasPrefix(typePrefix), type.hasSuffix(typeSuffix)
        else { return nil }
        let status = type.utf8.dropFirst(typePrefix.utf8.count).dropLast(typeSuffix.utf8.count)
        // Neither a tenant nor an id contains a "/" (`TaskRules`).
        let parts = id.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, !parts[1].isEmpty, let generation = Int(Substring(parts[2])),
            Domain.counts.contains(generation), let kind = OutcomeKind(rawValue: String(Substring(status))),
            kind.isTerminal
        else { return nil }
        let identity = TaskIdentity(tenant: ByteText(Substring(parts[0])), id: ByteText(Substring(parts[1])))
        return (TaskGeneration(identity: identity, generation: generation), kind)
    }
}
