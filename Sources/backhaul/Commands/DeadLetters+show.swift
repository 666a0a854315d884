import ArgumentParser
import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulReplay

extension DeadLetters {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List dead letters, one per line.",
            discussion:
                "Example: backhaul dead-letters list --http-status 5xx --since 2d --log embedded:///srv/backhaul")

        @OptionGroup var which: LetterOptions
        @OptionGroup var log: LogOptions

        func run() async throws {
            let selection = try which.selection()
            let settings = try log.settings()
            let address = try log.address(settings)
            let opened = try await address.open(settings, creates: false)
            var found = 0
            do {
                try await settings.replay(opened).letters(selection, topic: which.topic) { letter, judgement in
                    found += 1
                    let text = DeadLetterText(letter, judgement)
                    if log.output == .json { return try Output.json(text) }
                    let name = text.key ?? text.origin.map { "from \($0)" } ?? text.position
                    Output.line(
                        "\(text.failedAt ?? "?")  \(text.failure)  \(text.attempts)x  \(text.taskId ?? "-")/\(text.generation)  "
                            + "\(name)  \(text.message)"
                            + (["due", "unusable"].contains(text.standing) ? "" : "  (\(text.standing))"))
                }
                if found == 0 { try await which.checkBatch(opened, address, settings) }
            } catch {
                await opened.close()
                throw error
            }
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
            try await settings.replay(opened).letters(LetterSelection(taskIDs: [task])) { letter, judgement in
                found += 1
                let text = DeadLetterText(letter, judgement)
                if log.output == .json { return try Output.json(text) }
                Output.table([
                    ["task", "\(text.tenant ?? "-")/\(task)"], ["generation", "\(text.generation)"],
                    ["batch", text.batch ?? "-"], ["destination", "\(text.destination ?? "-")"],
                    ["key", text.key ?? "-"],
                    ["bytes", "\(text.bytes ?? 0)"], ["failure", "\(text.failure): \(text.message)"],
                    ["http status", text.httpStatus.map(String.init) ?? "-"], ["attempts", "\(text.attempts)"],
                    ["crashes", "\(text.crashes)"], ["failed at", text.failedAt ?? "-"],
                    ["worker", text.worker ?? "-"], ["came from", text.origin ?? "-"], ["issue", text.issue],
                    ["replayed", text.replayed ? "yes" : "no"], ["standing", text.standing],
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
