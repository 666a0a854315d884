import ArgumentParser
import BackhaulSettings
import Foundation

/// Options of every command.
struct CommonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A YAML file of settings (default: ./backhaul.yaml, the user's, the system's). Environment: BACKHAUL_CONFIG.",
            valueName: "file"))
    var config: String?

    /// - Parameters:
    ///   - folder: the data folder of the embedded log that is named, whose daemon's configuration counts when none is
    ///     named; nil for none.
    ///   - needs: the secrets that the process needs.
    /// - Throws: `SettingsError`.
    func settings(of folder: String? = nil, needs: SecretNeeds) throws -> Settings {
        let environment = ProcessInfo.processInfo.environment
        let found = ConfigurationFile.find(config, environment, of: folder)
        return try SettingsReader.read(
            file: found?.path, isNamed: found?.isNamed ?? true, environment: environment, needs: needs)
    }

    /// Reads settings again, from the file that they came from: another one must not take its place.
    static func again(_ settings: Settings) throws -> Settings {
        try SettingsReader.read(
            file: settings.file, isNamed: settings.isFileNamed, environment: ProcessInfo.processInfo.environment,
            needs: settings.needs)
    }
}

/// Options of the commands that read a log.
struct LogOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The log: kafka://host:port/ or embedded:///absolute/folder (default: log.url, or the log at the default "
                + "place). Environment: BACKHAUL_LOG.", valueName: "url"))
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
    static func quoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            byte > UInt8(ascii: " ") && !"\"$&'()*;<>?[\\]`{|}~#!".utf8.contains(byte)
        }
        return isPlain ? word : "'" + word.replacing("'", with: #"'\''"#) + "'"
    }

    /// - Parameter needs: the secrets that the command needs besides those of the log.
    /// - Throws: `SettingsError`; `CommandError` for a log that is none.
    func settings(needs: SecretNeeds = []) throws -> Settings {
        let named = try (log ?? environment["BACKHAUL_LOG"]).map(LogAddress.init)
        let isEmbedded = named?.folder != nil
        return try common.settings(of: named?.folder, needs: isEmbedded ? needs : needs.union(.kafka))
    }

    /// - Throws: `CommandError` when no log is named, and none is at the default place.
    func address(_ settings: Settings) throws -> LogAddress {
        if let text = log ?? environment["BACKHAUL_LOG"] { return try LogAddress(text) }
        if !settings.logURL.isEmpty { return try LogAddress(settings.logURL) }
        let folder = DefaultPlaces(environment: environment).dataFolder
        if let folder, FileManager.default.fileExists(atPath: folder + "/log.sqlite") {
            return .embedded(folder: folder)
        }
        throw CommandError(
            "no log is named; give --log kafka://host:port/ or --log embedded:///absolute/folder, or set BACKHAUL_LOG or "
                + "log.url" + (folder.map { "; there is none at the default place, \($0)" } ?? ""),
            exit: .usage)
    }

    private var environment: [String: String] { ProcessInfo.processInfo.environment }
}
