import ArgumentParser
import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulRecords
import BackhaulReplay
import Foundation

/// Shows dead letters.
struct DeadLetters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show dead letters: tasks that failed for good.", subcommands: [List.self, Show.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List dead letters, one per line.")

        @OptionGroup var which: FilterOptions
        @OptionGroup var log: LogOptions

        func run() async throws {
            try which.check()
            let settings = try log.settings()
            let address = try log.address(settings)
            let opened = try await address.open(settings, creates: false)
            var found = 0
            try await settings.replay(opened).letters(which.filter) { letter, isReplayed in
                found += 1
                let text = DeadLetterText(letter, isReplayed: isReplayed)
                if log.output == .json { return try Output.json(text) }
                let name = text.key ?? text.origin.map { "from \($0)" } ?? text.position
                Output.line(
                    "\(text.failedAt ?? "?")  \(text.failure)  \(text.attempts)x  \(text.taskId ?? "-")/\(text.generation)  "
                        + "\(name)  \(text.message)\(isReplayed ? "  (replayed)" : "")")
            }
            if found == 0 { try await which.checkBatch(opened, address, settings) }
            await opened.close()
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show every dead letter of a task, with its history.")

        @Argument(help: "The task's id.")
        var task: ByteText

        @OptionGroup var log: LogOptions

        func run() async throws {
            let settings = try log.settings()
            let opened = try await log.address(settings).open(settings, creates: false)
            var found = 0
            try await settings.replay(opened).letters(DeadLetterFilter(taskID: task)) { letter, isReplayed in
                found += 1
                let text = DeadLetterText(letter, isReplayed: isReplayed)
                if log.output == .json { return try Output.json(text) }
                Output.table([
                    ["task", "\(text.tenant ?? "-")/\(task)"], ["generation", "\(text.generation)"],
                    ["batch", text.batch ?? "-"], ["destination", "\(text.destination ?? "-")"],
                    ["key", text.key ?? "-"],
                    ["bytes", "\(text.bytes ?? 0)"], ["failure", "\(text.failure): \(text.message)"],
                    ["http status", text.httpStatus.map(String.init) ?? "-"], ["attempts", "\(text.attempts)"],
                    ["crashes", "\(text.crashes)"], ["failed at", text.failedAt ?? "-"],
                    ["came from", text.origin ?? "-"],
                    ["replayed", isReplayed ? "yes" : "no"],
                ])
                for attempt in text.history {
                    Output.line(
                        "  attempt \(attempt.attempt)  \(attempt.at)  \(attempt.failure): \(attempt.message)  [\(attempt.worker)]"
                    )
                }
                Output.line("")
            }
            await opened.close()
            guard found > 0 else { throw CommandError("task '\(task)' has no dead letter") }
        }
    }
}
