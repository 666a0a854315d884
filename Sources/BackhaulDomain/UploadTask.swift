package import BackhaulUnits

/// The source of a task's bytes: a file below a named root of the worker. A record never contains a path of a host.
package struct SourceReference: Hashable, Sendable {
    /// The root's name (`sources.roots`, or one that `submit` registered).
    package var root: ByteText
    /// The path below the root, components separated by `/`.
    package var path: ByteText

    package init(root: ByteText, path: ByteText) {
        self.root = root
        self.path = path
    }
}

/// The destination of a task's bytes.
package struct DestinationReference: Hashable, Sendable {
    package enum Target: Hashable, Sendable {
        /// A destination from the operator's configuration.
        case named(ByteText)
        /// A base URL that the submitter chose: http or https, no user-info, no query, no fragment.
        case url(ByteText)
    }

    package var target: Target
    /// The object's name at the destination: relative, components separated by `/`.
    package var key: ByteText

    package init(target: Target, key: ByteText) {
        self.target = target
        self.key = key
    }

    /// The destination's name, or the base URL, as shown to people and in results.
    package var label: ByteText {
        switch target {
        case .named(let name): name
        case .url(let url): url
        }
    }
}

/// A file to upload to a destination. Constant after acceptance: `TaskProgress` contains what changes.
package struct UploadTask: Hashable, Sendable {
    package var identity: TaskIdentity
    /// Groups tasks for progress and replay; may be empty.
    package var batch: ByteText
    package var source: SourceReference
    package var destination: DestinationReference
    /// The file's size when the task was accepted.
    package var size: ByteCount
    /// The file's modification time when the task was accepted.
    package var modifiedAt: FileTime
    /// The media type to send; empty for application/octet-stream.
    package var contentType: String
    package var acceptedAt: Timestamp
    /// Time after which no attempt begins; nil for none.
    package var deadline: Timestamp?
    /// nil for tasks of version 0.1 and of other programs.
    package var submitter: Submitter?

    package init(
        identity: TaskIdentity, batch: ByteText, source: SourceReference, destination: DestinationReference,
        size: ByteCount, modifiedAt: FileTime, contentType: String = "", acceptedAt: Timestamp,
        deadline: Timestamp? = nil, submitter: Submitter? = nil
    ) {
        self.submitter = submitter
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

    /// The bytes that the partitioner hashes: tenant, destination and key, so that all tasks for one object share a
    /// partition.
    package var partitionKey: [UInt8] {
        Array("\(identity.tenant)\u{0}\(destination.label)\u{0}\(destination.key)".utf8)
    }
}
