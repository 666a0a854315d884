import ArgumentParser
import BackhaulTelemetry
import CAllocator
import Foundation

/// The command line. Data goes to stdout, messages to stderr.
@main
struct Backhaul: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backhaul",
        abstract: "Moves files to their destination, and proves it.",
        discussion: """
            Exit codes: 0 done, 1 failed or some tasks failed, 2 usage or configuration, 3 an audit found loss, \
            75 temporary (try again).
            """,
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(
                name: "Upload and prove",
                subcommands: [
                    UploadCommand.self, Submit.self, Status.self, WatchCommand.self, TasksCommand.self, Results.self,
                    AuditCommand.self, ReportCommand.self,
                ]),
            CommandGroup(name: "Unfinished uploads", subcommands: [CancelCommand.self, RetryCommand.self]),
            CommandGroup(name: "Failed uploads", subcommands: [DeadLetters.self, ReplayCommand.self]),
            CommandGroup(
                name: "Run",
                subcommands: [
                    InitCommand.self, Standalone.self, IngestCommand.self, WorkerCommand.self, AcknowledgerCommand.self,
                    HealthCommand.self,
                ]),
            CommandGroup(
                name: "Operate",
                subcommands: [
                    DestinationsCommand.self, Topics.self, Lag.self, Acts.self, ClockCommand.self, MigrateCommand.self,
                    Config.self,
                    TokenCommand.self,
                    TenantsCommand.self,
                    Bench.self,
                ]),
        ])

    static func main() async {
        // One malloc arena per core instead of eight: after 100,000 tasks on two cores the daemon held 95 MiB, not 130.
        // The pipe was as fast, small files took 5 % longer (docs/BENCHMARKS.md).
        backhaul_limit_arenas(Int32(clamping: max(2, ProcessInfo.processInfo.activeProcessorCount)))
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            ProcessExit.done.end()
        } catch {
            leave(error)
        }
    }

    /// Prints the error and ends the process with its exit code.
    private static func leave(_ error: any Error) -> Never {
        if let code = error as? ProcessExit { code.end() }
        let parserCode = exitCode(for: error)
        if parserCode == .success {
            Output.write(Data(fullMessage(for: error).utf8))
            ProcessExit.done.end()
        }
        if parserCode == .validationFailure {
            // The message repeats the arguments.
            let lines = Redaction.clean(fullMessage(for: error)).split(
                separator: "\n", omittingEmptySubsequences: false)
            let text = lines.map { TerminalText.safe(String($0)) }.joined(separator: "\n") + "\n"
            try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
            ProcessExit.usage.end()
        }
        Stderr.say("error: \(Explanation.of(error))")
        ProcessExit(of: error).end()
    }
}
