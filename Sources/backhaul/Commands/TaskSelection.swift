import BackhaulDomain
import BackhaulView

/// The tasks that a command works on: those for which all that is given holds.
struct TaskSelection: Hashable, Sendable {
    var batch: ByteText?
    var tenant: ByteText?
    /// An id, a key, or a path below a root.
    var name: ByteText?
    var destination: ByteText?
    var state: TaskState?
    /// The class of the last failure.
    var failure: FailureClass?
    /// Only tasks that have not ended.
    var isOpen = false

    /// What is selected, in words; the batch and the tenant have places of their own in an act.
    var description: String {
        let parts = [
            name.map { "named \($0)" }, destination.map { "to \($0)" }, state.map { "in state \($0.rawValue)" },
            failure.map { "after \($0.rawValue)" },
        ].compactMap(\.self)
        return parts.isEmpty ? "tasks" : "tasks " + parts.joined(separator: ", ")
    }

    private static let page = 2_000

    /// - Returns: how many tasks are selected.
    func count(in view: any ViewReader) async throws -> Int {
        var count = 0
        try await each(in: view) { count += $0.count }
        return count
    }

    /// Calls `body` with the selected tasks, a page at a time, by tenant and in the order of their acceptance.
    /// - Parameter limit: the most tasks; nil for all.
    /// - Throws: `CommandError` for a batch of which the view has no task.
    func each(in view: any ViewReader, limit: Int? = nil, _ body: ([TaskStatus]) async throws -> Void) async throws {
        var rest = limit ?? .max
        var isNone = true
        let tenants = if let tenant { [tenant] } else { try await view.tenants() }
        for tenant in tenants where rest > 0 {
            var search = TaskSearch(tenant: tenant)
            search.batch = batch
            search.state = state
            search.isOpen = isOpen
            search.destination = destination
            search.failure = failure?.rawValue
            search.name = name
            repeat {
                search.limit = min(Self.page, rest)
                let page = try await view.search(search)
                rest -= page.tasks.count
                if !page.tasks.isEmpty {
                    isNone = false
                    try await body(page.tasks)
                }
                search.after = page.next
            } while search.after != nil && rest > 0
        }
        if isNone { try await NameCheck.batch(batch, view) }
    }
}
