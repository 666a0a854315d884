package import BackhaulDomain

/// What a result's headers alone say, for readers that only ask which generation ended and how: a tenth of the cost of
/// its document.
extension CloudEvent {
    /// - Parameter text: gives the text of the header of a name.
    /// - Returns: nil when the headers are not those of a result of version 1.
    package static func read(_ text: (String) -> String?) -> (task: TaskGeneration, status: OutcomeKind)? {
        guard let id = text("ce_id"), let type = text("ce_type"), type.hasPrefix(typePrefix), type.hasSuffix(typeSuffix)
        else { return nil }
        let status = type.utf8.dropFirst(typePrefix.utf8.count).dropLast(typeSuffix.utf8.count)
        // Neither a tenant nor an id has a "/" in it (`TaskRules`).
        let parts = id.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, !parts[1].isEmpty, let generation = Int(Substring(parts[2])),
            Domain.counts.contains(generation), let kind = OutcomeKind(rawValue: String(Substring(status))),
            kind.isTerminal
        else { return nil }
        let identity = TaskIdentity(tenant: ByteText(Substring(parts[0])), id: ByteText(Substring(parts[1])))
        return (TaskGeneration(identity: identity, generation: generation), kind)
    }
}
