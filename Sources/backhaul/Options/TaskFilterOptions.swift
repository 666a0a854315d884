import ArgumentParser
import BackhaulDomain
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

    /// - Throws: `CommandError` for a state or a class of failure that there is not, and without a condition.
    /// - Parameter all: whether every task is meant when no condition is given.
    func selection(all: Bool = true) throws -> TaskSelection {
        try NameCheck.choice(state, "--state", among: TaskState.allCases.map(\.rawValue))
        try NameCheck.choice(failure, "--failure", among: FailureClass.allCases.map(\.rawValue))
        let selection = TaskSelection(
            batch: batch, tenant: tenant, name: task, destination: destination,
            state: state.flatMap(TaskState.init(rawValue:)), failure: failure.flatMap(FailureClass.init(rawValue:)))
        guard all || selection != TaskSelection() else {
            throw CommandError("say which tasks, for example with --batch; or give --all", exit: .usage)
        }
        return selection
    }
}
