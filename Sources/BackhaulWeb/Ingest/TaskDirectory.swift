package import BackhaulDomain
package import BackhaulLog

/// Who knows which tasks were handed in: an acknowledger's view, where the log itself does not refuse known ones.
package protocol TaskDirectory: Sendable {
    /// - Returns: what is known, by identity; and how many records of the log the answer may lack.
    func known(_ identities: [TaskIdentity]) async throws -> DirectoryAnswer

    /// Tasks of a tenant under way, or ended and not acknowledged.
    func unacknowledged(tenant: ByteText) async throws -> Int
}

/// What a directory knows.
package struct DirectoryAnswer: Hashable, Sendable {
    package struct Task: Hashable, Sendable {
        package var position: LogPosition
        package var fingerprint: [UInt8]
    }

    package var tasks: [TaskIdentity: Task]
    /// nil where the log itself refuses what the answer may lack.
    package var lag: Int64?
}
