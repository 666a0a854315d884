import ArgumentParser

/// Prints and exports the results in the log.
struct Results: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print results, one per line; export them for analysis.",
        discussion: "Example: backhaul results --batch trip --log embedded:///srv/backhaul --output json | jq .status",
        subcommands: [List.self, Export.self], defaultSubcommand: List.self)
}
