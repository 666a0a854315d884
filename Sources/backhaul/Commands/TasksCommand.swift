import ArgumentParser

/// Finds tasks.
struct TasksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tasks", abstract: "Find tasks, and what happened to each.",
        subcommands: [TasksList.self, TasksShow.self], defaultSubcommand: TasksList.self)
}
