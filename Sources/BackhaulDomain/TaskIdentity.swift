package import BackhaulUnits
internal import Crypto

/// Identifies a task in every record and process.
package struct TaskIdentity: Hashable, Sendable, CustomStringConvertible {
    /// The owner of the task.
    package var tenant: ByteText
    /// Chosen by the client, or derived by `derivedID`; unique within the tenant.
    package var id: ByteText

    package init(tenant: ByteText, id: ByteText) {
        self.tenant = tenant
        self.id = id
    }

    package var description: String { "\(tenant)/\(id)" }

    /// Derives the id of a task whose submitter chose none: 128 bits of SHA-256 over tenant, destination, source,
    /// size and modification time. Reads no content. Leaves out the batch, so that the same file in another batch
    /// is known.
    package static func derivedID(
        tenant: ByteText, destination: DestinationReference, source: SourceReference, size: ByteCount,
        modifiedAt: FileTime
    ) -> ByteText {
        var hash = SHA256()
        let target: [ByteText] =
            switch destination.target {
            case .named(let name): ["name", name]
            case .url(let url): ["url", url]
            }
        let parts =
            [tenant] + target + [
                destination.key, source.root, source.path, "\(size.bytes)", "\(modifiedAt.nanoseconds)",
            ]
        for part in parts {
            // Length before content, so that different lists of parts never give the same bytes.
            withUnsafeBytes(of: UInt64(part.utf8.count).littleEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: Array(part.utf8))
        }
        return ByteText(Hex.encode(hash.finalize().prefix(16)))
    }
}

/// One generation of a task: 0 as submitted, one more for each replay. Each has exactly one result.
package struct TaskGeneration: Hashable, Sendable, CustomStringConvertible {
    package var identity: TaskIdentity
    package var generation: Int

    package init(identity: TaskIdentity, generation: Int) {
        self.identity = identity
        self.generation = generation
    }

    /// The generation after this one; nil after the last one.
    package var next: TaskGeneration? {
        guard generation < Domain.counts.upperBound else { return nil }
        return TaskGeneration(identity: identity, generation: generation + 1)
    }

    package var description: String { "\(identity)/\(generation)" }
}
