/// Where a task's bytes are: a file below a root that the worker knows by name. A record never holds a host's path.
package struct SourceReference: Hashable, Sendable {
    /// The root's name (`sources.roots`, or one that `submit` registered).
    package var root: ByteText
    /// The path below the root, components joined by `/`.
    package var path: ByteText

    package init(root: ByteText, path: ByteText) {
        self.root = root
        self.path = path
    }
}

/// Where a task's bytes go.
package struct DestinationReference: Hashable, Sendable {
    package enum Target: Hashable, Sendable {
        /// A destination of the operator's configuration.
        case named(ByteText)
        /// A base URL that the submitter chose: http or https, no user-info, no query, no fragment.
        case url(ByteText)
    }

    package var target: Target
    /// The object's name at the destination, relative, components joined by `/`.
    package var key: ByteText

    package init(target: Target, key: ByteText) {
        self.target = target
        self.key = key
    }

    /// The destination's name, or the base URL: how people and results call it.
    package var label: ByteText {
        switch target {
        case .named(let name): name
        case .url(let url): url
        }
    }
}

/// One file to be put in one target. Immutable: what changes on the way travels in `TaskProgress`.
package struct UploadTask: Hashable, Sendable {
    package var identity: TaskIdentity
    /// Groups tasks for progress and replay; may be empty.
    package var batch: ByteText
    package var source: SourceReference
    package var destination: DestinationReference
    /// The file's size in bytes when the task was accepted.
    package var size: UInt64
    /// The file's modification time then, in nanoseconds since 1970.
    package var modifiedAt: Int64
    /// The media type to send; empty for application/octet-stream.
    package var contentType: String
    /// Milliseconds since 1970.
    package var acceptedAt: Int64
    /// Milliseconds since 1970 after which no attempt begins; nil for none.
    package var deadline: Int64?

    package init(
        identity: TaskIdentity, batch: ByteText, source: SourceReference, destination: DestinationReference,
        size: UInt64,
        modifiedAt: Int64, contentType: String = "", acceptedAt: Int64, deadline: Int64? = nil
    ) {
        self.identity = identity
        self.batch = batch
        self.source = source
        self.destination = destination
        self.size = size
        self.modifiedAt = modifiedAt
        self.contentType = contentType
        self.acceptedAt = acceptedAt
        self.deadline = deadline
    }

    /// What the partitioner hashes: tenant, destination and key, so that all tasks for one object share a partition.
    package var partitionKey: [UInt8] {
        Array("\(identity.tenant)\u{0}\(destination.label)\u{0}\(destination.key)".utf8)
    }
}
