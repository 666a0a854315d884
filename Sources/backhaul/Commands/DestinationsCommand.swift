import ArgumentParser
import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulLog
import BackhaulSettings
import BackhaulTransfer
import BackhaulUnits
import Foundation

/// Lists, checks and cleans the configured destinations.
struct DestinationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destinations", abstract: "List, check and clean the configured destinations.",
        subcommands: [List.self, Check.self, Sweep.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the configured destinations.")

        @OptionGroup var common: CommonOptions

        @Option(help: "text for people, json for programs.")
        var output: OutputFormat = .text

        private struct Line: Encodable {
            var name: String
            var type: String
            var settings: String
            var order: String
            var overwrite: String
        }

        func run() async throws {
            let settings = try common.settings(needs: [])
            let lines = settings.destinations.sorted { $0.key < $1.key }.map { name, destination in
                Line(
                    name: name.text, type: Swift.type(of: destination.type).name,
                    settings: destination.type.description, order: destination.order.rawValue,
                    overwrite: destination.overwrite.rawValue)
            }
            if output == .json {
                for line in lines { try Output.json(line) }
                return
            }
            guard !lines.isEmpty else {
                return Stderr.say(
                    "no destination is configured; add one under destinations (see docs/CONFIGURATION.md)")
            }
            Output.table(
                [["NAME", "ORDER", "OVERWRITE", "TYPE AND SETTINGS"]]
                    + lines.map { [$0.name, $0.order, $0.overwrite, $0.settings] })
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Try a destination: write, look, read back, resume, remove.",
            discussion: """
                Writes objects below backhaul-check/ at the destination and removes them again. Exits 1 when something \
                that uploads need does not work.

                Example: backhaul destinations check photos --config backhaul.yaml
                """)

        @Argument(help: "The destination's name.")
        var name: ByteText

        @OptionGroup var common: CommonOptions

        @Option(help: "text for people, json for programs.")
        var output: OutputFormat = .text

        private struct Line: Encodable {
            var stage: String
            var finding: String
            var message: String
        }

        func run() async throws {
            let settings = try common.settings(needs: .destinations)
            let destination = try DestinationsCommand.destination(name, settings)
            let isGood = try await DestinationsCommand.running(settings) { runner in
                let folder = NSTemporaryDirectory() + "/backhaul-check-\(UUID().uuidString)"
                try FileManager.default.createDirectory(
                    atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
                defer { try? FileManager.default.removeItem(atPath: folder) }
                return try await DestinationCheck(destination, runner, folder: folder).run { stage, finding in
                    show(stage, finding)
                }
            }
            guard isGood else {
                throw CommandError("destination '\(name)' does not work as configured", exit: .failed)
            }
        }

        private func show(_ stage: DestinationCheck.Stage, _ finding: DestinationCheck.Finding) {
            let (word, message) =
                switch finding {
                case .passed(let text): ("ok", text)
                case .skipped(let text): ("-", text)
                case .failed(let failure): ("failed", failure.message)
                }
            if output == .json {
                try? Output.json(Line(stage: stage.rawValue, finding: word, message: message))
            } else {
                func pad(_ text: String, _ width: Int) -> String {
                    text + String(repeating: " ", count: max(0, width - text.count))
                }
                Output.line("\(pad(word, 6))  \(pad(stage.rawValue, 9))  \(message)")
            }
            Output.flush()
        }
    }

    struct Sweep: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove what uploads that never ended have left at destinations.",
            discussion: """
                Ends unfinished uploads to S3 that began long ago, of any program, below the destination's prefix; removes \
                old temporary files of WebDAV servers, and of folders those that no process holds, whatever their age. \
                Objects are never touched. An upload that is still wanted begins again.
                """)

        @Argument(help: "The destinations; all that are configured by default.")
        var names: [ByteText] = []

        @Option(help: ArgumentHelp("Leave alone what began later than this ago.", valueName: "duration"))
        var olderThan = "7d"

        @OptionGroup var common: CommonOptions

        func run() async throws {
            let age = try DurationArgument.parse(olderThan, "--older-than") ?? .zero
            let settings = try common.settings(needs: .destinations)
            let names = names.isEmpty ? settings.destinations.keys.sorted() : names
            let chosen = try names.map { ($0, try DestinationsCommand.destination($0, settings)) }
            var failed = false
            try await DestinationsCommand.running(settings) { runner in
                for (name, destination) in chosen {
                    do {
                        let count = try await sweep(destination, runner, age)
                        Output.line(count.map { "\(name): \($0) removed" } ?? "\(name): nothing can be left there")
                    } catch let failure as Failure {
                        failed = true
                        Stderr.say("error: \(name): \(failure.message)")
                    }
                }
            }
            if failed { throw ProcessExit.failed }
        }

        private func sweep(_ destination: Destination, _ runner: DialectRunner, _ age: Duration) async throws -> Int? {
            if let folder = destination.type.localFolder {
                return try await LocalStore(pool: runner.pool).sweep(folder)
            }
            let before = SystemLogClock().wall - age
            guard let dialect = destination.type.sweep(before: before) else { return nil }
            guard case .swept(let count) = try await runner.end(of: dialect) else { return 0 }
            return count
        }
    }

    private static func destination(_ name: ByteText, _ settings: Settings) throws -> Destination {
        guard let destination = settings.destinations[name] else {
            throw CommandError(
                "destination '\(name)' is not configured"
                    + (NearestName.of(name.text, among: settings.destinations.keys.map(\.text)).map {
                        "; did you mean '\($0)'?"
                    } ?? "; 'backhaul destinations list' names those that are"), exit: .usage)
        }
        return destination
    }

    /// - Returns: what `body` returns, once the engine that it used is closed.
    static func running<Value>(
        _ settings: Settings, _ body: (DialectRunner) async throws -> Value
    ) async throws -> Value {
        let pool = ReaderPool()
        let engine = try TransferEngine(
            limits: settings.transfers, egress: settings.egress(isLocal: true), pool: pool)
        do {
            let value = try await body(DialectRunner(engine: engine, pool: pool) { SystemLogClock().wall })
            await engine.close()
            return value
        } catch {
            await engine.close()
            throw error
        }
    }
}
