import ArgumentParser

/// Shows dead letters, and sets aside what nobody has to look at.
struct DeadLetters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show dead letters: tasks that failed for good.",
        subcommands: [List.self, Show.self, Issues.self, Mute.self, Unmute.self, Discard.self],
        defaultSubcommand: List.self)
}
