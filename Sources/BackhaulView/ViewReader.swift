package import BackhaulDomain

/// What commands and callers ask about tasks: of this machine's view, or of an acknowledger's over HTTP.
package protocol ViewReader: Sendable {
    /// Reads what the log holds now, where nobody else does that for the view.
    func catchUp() async throws
    /// How the tasks of one batch, of one tenant or of all stand; nil means any.
    /// - Parameter limit: at most so many uploads in progress.
    func overview(batch: ByteText?, tenant: ByteText?, uploads limit: Int) async throws -> Overview
    /// The names of all tenants that have a task, in order.
    func tenants() async throws -> [ByteText]
    func search(_ search: TaskSearch) async throws -> TaskPage
    /// The tries of a task over all its generations, in order.
    func attempts(_ status: TaskStatus) async throws -> [AttemptStatus]
    /// What has become of those of the tasks that it knows.
    func known(_ identities: [TaskIdentity]) async throws -> [TaskIdentity: KnownTask]
}
