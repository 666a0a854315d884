package import BackhaulDomain
package import BackhaulView

/// Finds known tasks: an acknowledger's view where the log itself does not detect them, or this process's view.
package protocol TaskDirectory: Sendable {
    /// - Returns: the known tasks by identity, and how many records of the log the answer may lack.
    func known(_ identities: [TaskIdentity]) async throws -> DirectoryAnswer

    /// What has become of tasks that the log has. As up to date as it can be within a second.
    func states(_ identities: [TaskIdentity]) async throws -> DirectoryAnswer

    /// The number of a tenant's tasks that are in progress, or ended and not acknowledged.
    func unacknowledged(tenant: ByteText) async throws -> Int
}

/// What a directory knows of the requested tasks.
package struct DirectoryAnswer: Hashable, Sendable {
    package var tasks: [TaskIdentity: KnownTask]
    /// Records of the log that the answer may lack; nil where the log itself detects known tasks.
    package var lag: Int64?
}
