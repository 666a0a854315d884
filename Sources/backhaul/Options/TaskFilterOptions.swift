import ArgumentParser
import BackhaulDomain
import BackhaulSettings
import BackhaulView

/// Selects the tasks that a command works on.
struct TaskFilterOptions: ParsableArguments {
    @Option(help: "Only this batch.")
    var batch: ByteText?

    @Option(help: "Only this tenant.")
    var tenant: ByteText?

    @Option(help: ArgumentHelp("Only the task with this id, key or path below its root.", valueName: "name"))
    var task: ByteText?

    @Option(help: "Only this destination: its name, or its base URL.")
    var destination: ByteText?

    @Option(help: "Only this state: waiting, running, retrying, succeeded, failed, cancelled or expired.")
    var state: String?

    @Option(help: "Only this class of the last failure: transient, throttled, root-unfit, permanent …")
    var failure: String?

    var isEmpty: Bool {
        batch == nil && tenant == nil && task == nil && destination == nil && state == nil && failure == nil
    }

    /// What is selected, in words.
    var description: String {
        let parts = [
            task.map { "named \($0)" }, destination.map { "to \($0)" }, state.map { "in state \($0)" },
            failure.map { "after \($0)" },
        ].compactMap(\.self)
        return parts.isEmpty ? "tasks" : "tasks " + parts.joined(separator: ", ")
    }

    /// - Throws: `CommandError` for a state or a class of failure that there is not.
    func check() throws {
        try NameCheck.choice(state, "--state", among: TaskState.allCases.map(\.rawValue))
        try NameCheck.choice(failure, "--failure", among: FailureClass.allCases.map(\.rawValue))
    }

    /// Calls `body` with the selected tasks, a page at a time, by tenant and in the order of their acceptance.
    /// - Parameters:
    ///   - isOpen: only tasks that have not ended.
    ///   - limit: the most tasks; nil for all.
    /// - Throws: `CommandError` for a batch of which the view has no task.
    func each(
        in view: StatusView, isOpen: Bool = false, limit: Int? = nil, _ body: ([TaskStatus]) async throws -> Void
    ) async throws {
        var rest = limit ?? .max
        var isNone = true
        let tenants = if let tenant { [tenant] } else { try await view.tenants() }
        for tenant in tenants where rest > 0 {
            var search = TaskSearch(tenant: tenant, limit: min(Self.page, rest))
            search.batch = batch
            search.state = state.flatMap(TaskState.init(rawValue:))
            search.isOpen = isOpen
            search.destination = destination
            search.failure = failure
            search.name = task
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

    private static let page = 2_000
}
