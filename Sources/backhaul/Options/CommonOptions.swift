import ArgumentParser
import BackhaulSettings
import Foundation

/// Options of every command.
struct CommonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A YAML file of settings. Environment: BACKHAUL_CONFIG.", valueName: "file"))
    var config: String?

    /// - Throws: `SettingsError`.
    func settings() throws -> Settings {
        let environment = ProcessInfo.processInfo.environment
        return try SettingsReader.read(file: config ?? environment["BACKHAUL_CONFIG"], environment: environment)
    }
}

/// Options of the commands that read a log.
struct LogOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The log: kafka://host:port/ or embedded:///absolute/folder. Environment: BACKHAUL_LOG.", valueName: "url"))
    var log: String?

    @OptionGroup var common: CommonOptions

    @Option(help: "text for people, json for programs.")
    var output: OutputFormat = .text

    /// A command for a hint, with the log and the configuration that were given.
    func hint(_ command: String) -> String {
        let given = [("--log", log), ("--config", common.config)].compactMap { name, value in
            value.map { " \(name) \(Self.quoted($0))" }
        }
        return "backhaul \(command)" + given.joined()
    }

    /// As a shell takes it for one word.
    private static func quoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            byte > UInt8(ascii: " ") && !"\"$&'()*;<>?[\\]`{|}~#!".utf8.contains(byte)
        }
        return isPlain ? word : "'" + word.replacing("'", with: #"'\''"#) + "'"
    }

    /// - Throws: `CommandError` when no log is named.
    func address() throws -> LogAddress {
        guard let text = log ?? ProcessInfo.processInfo.environment["BACKHAUL_LOG"] else {
            throw CommandError(
                "no log is named; give --log kafka://host:port/ or --log embedded:///absolute/folder, or set "
                    + "BACKHAUL_LOG",
                exit: .usage)
        }
        return try LogAddress(text)
    }
}
