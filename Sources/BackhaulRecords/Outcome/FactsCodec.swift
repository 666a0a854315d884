internal import BackhaulDomain
internal import BackhaulUnits

/// Encodes what an end tells beyond how it came: `backhaul.v1.Facts`.
enum FactsCodec {
    static func message(_ facts: OutcomeFacts) -> Backhaul_V1_Facts {
        var message = Backhaul_V1_Facts()
        if let source = facts.source {
            message.source.file.root = source.root.text
            message.source.file.path = source.path.text
        }
        message.contentType = facts.contentType
        message.effort = EffortCodec.message(facts.effort)
        message.replay = facts.replay
        message.bytesResumed = facts.bytesResumed.bytes
        message.wasStored = facts.wasStored
        message.failures = facts.failures.map(AttemptCodec.message)
        message.origin = facts.origin
        message.version = facts.version
        return message
    }

    /// - Throws: `RecordError`.
    static func value(_ message: Backhaul_V1_Facts) throws(RecordError) -> OutcomeFacts {
        func fail(_ problem: String) -> RecordError { .invalid(what: "outcome", problem: problem) }
        var facts = OutcomeFacts(
            contentType: message.contentType, effort: try EffortCodec.value(message.effort, of: "outcome"),
            replay: message.replay, bytesResumed: ByteCount(message.bytesResumed), wasStored: message.wasStored,
            failures: AttemptCodec.values(message.failures), origin: message.origin, version: message.version)
        guard facts.replay.isEmpty || ReplayName.isValid(facts.replay) else {
            throw fail("facts.replay is not the id of one")
        }
        guard facts.bytesResumed <= Domain.largestFile else { throw fail("facts.bytes_resumed is out of range") }
        let labels = [facts.contentType, facts.origin, facts.version]
        guard labels.allSatisfy({ $0.utf8.count <= Domain.longestLabel }) else {
            throw fail("a label of the facts has more than \(Domain.longestLabel) bytes")
        }
        if case .file(let file)? = message.source.kind {
            let source = SourceReference(root: ByteText(file.root), path: ByteText(file.path))
            do {
                try TaskRules.check(source)
            } catch {
                throw fail(error.message)
            }
            facts.source = source
        }
        return facts
    }
}
