internal import Crypto

/// What makes a task the same task wherever it is met.
package struct TaskIdentity: Hashable, Sendable, CustomStringConvertible {
    /// Who owns the task.
    package var tenant: ByteText
    /// Chosen by the client, or derived by `derived`; unique within the tenant.
    package var id: ByteText

    package init(tenant: ByteText, id: ByteText) {
        self.tenant = tenant
        self.id = id
    }

    package var description: String { "\(tenant)/\(id)" }

    /// The id of a task whose submitter chose none: 128 bits of SHA-256 over what says that a file in this state goes to
    /// this place. No content is read, and the batch is left out: the same file submitted in another batch is known.
    package static func derivedID(
        tenant: ByteText, destination: DestinationReference, source: SourceReference, size: UInt64, modifiedAt: Int64
    ) -> ByteText {
        var hash = SHA256()
        let place: [ByteText] =
            switch destination.target {
            case .named(let name): ["name", name]
            case .url(let url): ["url", url]
            }
        let parts = [tenant] + place + [destination.key, source.root, source.path, "\(size)", "\(modifiedAt)"]
        for part in parts {
            // Length before content, so that no two lists of parts read the same.
            withUnsafeBytes(of: UInt64(part.utf8.count).littleEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: Array(part.utf8))
        }
        return ByteText(Hex.encode(hash.finalize().prefix(16)))
    }
}

/// One generation of a task: 0 as submitted, one more for each replay. Each has one result.
package struct TaskGeneration: Hashable, Sendable, CustomStringConvertible {
    package var identity: TaskIdentity
    package var generation: Int

    package init(identity: TaskIdentity, generation: Int) {
        self.identity = identity
        self.generation = generation
    }

    package var description: String { "\(identity)/\(generation)" }
}
