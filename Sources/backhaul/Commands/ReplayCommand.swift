import ArgumentParser

/// Submits dead letters again.
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Submit dead letters again, as their tasks' next generation.",
        discussion: """
            Without --yes it only counts. A replay is recorded: the daemon, or an acknowledger of the fleet, runs it, and \
            another goes on with it after a crash. A letter whose next generation exists is skipped, so a second replay \
            does nothing.

            Examples:
              backhaul replay --failure permanent --http-status 5xx --log embedded:///srv/backhaul
              backhaul replay --destination nas --canary 20 --rate 50 --reason 'nas repaired' --yes
              backhaul replay pause 20261130-221500-k3f9
            """,
        subcommands: [
            Start.self, List.self, Show.self, WatchReplay.self, Pause.self, Resume.self, Cancel.self,
        ], defaultSubcommand: Start.self)
}
