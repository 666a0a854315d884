import ArgumentParser
import BackhaulDestinations
import BackhaulDomain
import BackhaulEmbedded
import BackhaulFiles
import BackhaulKafka
import BackhaulLog
import BackhaulMigration
import BackhaulRecords
import BackhaulSettings
import BackhaulUnits
import Foundation
import Logging

/// Moves an embedded log to a cluster.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Move an embedded log's unfinished tasks and its results to Kafka.",
        discussion: """
            Copies unfinished tasks with their attempts and history, results, dead letters and acts, each exactly \
            once; after an interruption the same command goes on. Discards and muted issues hold in the cluster, too; a \
            replay that is not over ends. The daemon of the folder must be stopped. From then on the folder takes no \
            more tasks; its records stay until you delete it.

            Without --yes it only counts. The configuration must be that of the fleet: it says which source roots and \
            destinations the workers have.

            Example: backhaul migrate --from embedded:///srv/backhaul --log kafka://kafka1:9092/ --yes
            """)

    @Option(help: ArgumentHelp("The log to move: embedded:///absolute/folder.", valueName: "url"))
    var from: String

    @Option(help: ArgumentHelp("The prefix of its topics, where the folder has several.", valueName: "prefix"))
    var fromPrefix: String?

    @Option(
        help: ArgumentHelp(
            "The configuration of its machine, where the keys of records.signing differ (default: that of the fleet).",
            valueName: "file"))
    var fromConfig: String?

    @Flag(help: "Move it; without this it is a dry run.")
    var yes = false

    @Flag(help: "Move tasks, too, that workers with this configuration would not upload.")
    var acceptUnknown = false

    @Flag(help: "Take the folder back into use: possible while nothing of it is in the cluster.")
    var abandon = false

    @OptionGroup var log: LogOptions

    private struct Answer: Encodable {
        /// "would-move", "moved", "moved-before", "stays" or "abandoned".
        var end: String
        var tasks = 0
        var bytes: UInt64 = 0
        var results = 0
        var deadLetters = 0
        var acts = 0
        /// Replays, discards and muted issues.
        var replays = 0
        var malformed = 0
        var unreadable = 0
        /// Why workers would not upload tasks.
        var problems: [String] = []
    }

    func validate() throws {
        guard !yes || !abandon else { throw ValidationError("give --yes or --abandon, not both") }
    }

    func run() async throws {
        let settings = try log.settings()
        let address = try log.address(settings)
        _ = try address.requireKafka(for: "migrate")
        guard let folder = try LogAddress(from).folder else {
            throw CommandError("--from takes an embedded log, as in embedded:///srv/backhaul", exit: .usage)
        }
        guard settings.delivery == .transactional else {
            throw CommandError(
                "migrate copies in transactions; set kafka.delivery to exactly-once, on brokers that have them",
                exit: .usage)
        }
        guard FileManager.default.fileExists(atPath: folder + "/log.sqlite") else {
            throw CommandError(
                "\(folder) holds no log; give the data folder of a 'backhaul standalone'", exit: .usage)
        }
        let opened = try await address.open(settings, creates: false)
        do {
            try await migrate(folder, settings, to: opened)
        } catch {
            await opened.close()
            throw error
        }
        await opened.close()
    }

    private func migrate(_ folder: String, _ settings: Settings, to target: any MessageLog) async throws {
        let unsigned = (target as? SignedLog)?.base ?? target
        guard let kafka = unsigned as? KafkaLog else { throw LogError.unsupported("it is not a cluster") }
        let source = try EmbeddedLog(
            folder: folder,
            options: EmbeddedOptions(
                owns: yes || abandon, migrates: true, durability: settings.embeddedDurability,
                largestGap: settings.embeddedOptions(owns: false).largestGap),
            logger: Logger(label: "backhaul.log"))
        do {
            if abandon {
                try await withdraw(source, settings, target, kafka)
            } else {
                try await move(source, settings, target, kafka)
            }
        } catch {
            await source.close()
            throw error
        }
        await source.close()
        DataFolderOwner.adopt(folder)
    }

    // MARK: Moving

    private func move(
        _ source: EmbeddedLog, _ settings: Settings, _ target: any MessageLog, _ kafka: KafkaLog
    ) async throws {
        let begun = try await source.migration
        if let begun, begun.finishedAt != nil {
            return try answer(Answer(end: "moved-before"), "nothing to do: the log \(begun.text)")
        }
        if yes { try await source.applyAnswer() }
        // Once it has begun, nothing else can settle a jump.
        guard begun != nil || source.clockState.jump == .zero else {
            throw CommandError(
                "the machine's clock has jumped, so it is not known when tasks are due: run 'backhaul clock --passed' or "
                    + "'--wrong' with --log embedded://\(source.folder), then this command again")
        }
        let layout = try await sourceLayout(source)
        let readable = try sourceSettings(settings).signed(source)
        guard yes else {
            let survey = try await survey(readable, layout, settings)
            return try show(survey, problems(survey, settings, source.folder))
        }
        // Closed first: a task that came after the survey would stay behind.
        let state = try await source.beginMigration(
            to: try await kafka.clusterID(), prefix: settings.layout.prefix)
        let survey = try await survey(readable, layout, settings)
        let isFresh = try await progress(state.id, target, kafka, settings.layout) == nil
        do {
            try accept(survey, isFresh ? problems(survey, settings, source.folder) : [])
        } catch {
            if isFresh { try await source.withdrawMigration() }
            throw error
        }
        let origin = "\(ProcessInfo.processInfo.hostName):\(source.folder)"
        let act = await CommandAct(.migrate, settings, target, detail: "from \(origin)")
        do {
            let copied = try await copy(state.id, origin, source, readable, survey, settings, target, kafka)
            try check(copied.counts, survey)
            try await source.finishMigration()
            await act.end(
                .done, tasks: copied.counts.tasks,
                counts: [
                    "tasks": copied.counts.tasks, "results": copied.counts.results,
                    "deadLetters": copied.counts.deadLetters, "acts": copied.counts.acts,
                    "replays": copied.counts.replays, "unreadable": copied.counts.unreadable,
                ])
            try show(copied.counts, survey)
        } catch {
            await act.fail(error)
            throw error
        }
    }

    /// The settings of the machine whose log it is.
    private func sourceSettings(_ settings: Settings) throws -> Settings {
        guard let fromConfig else { return settings }
        return try SettingsReader.read(
            file: fromConfig, isNamed: true, environment: ProcessInfo.processInfo.environment, needs: [])
    }

    private func survey(
        _ source: any MessageLog, _ layout: TopicLayout, _ settings: Settings
    ) async throws -> MigrationSurvey {
        let table = settings.workerDestinations(servesAPI: false)
        return try await MigrationSurvey.read(source, layout) { task in
            do throws(Failure) {
                _ = try table.resolve(task)
                return nil
            } catch {
                return error.message
            }
        }
    }

    /// - Throws: `CommandError` when the move would lose something.
    private func accept(_ survey: MigrationSurvey, _ problems: [String]) throws {
        guard survey.unsigned == 0 else {
            throw CommandError(
                "\(survey.unsigned) records of the log are not signed by a key of records.signing.keyFile, and would not "
                    + "be moved as they are: give the configuration of its machine with --from-config", exit: .usage)
        }
        guard problems.isEmpty || acceptUnknown else {
            throw CommandError(
                problems.joined(separator: "\n")
                    + "\ncorrect the configuration of the workers, and give it to this command; or give --accept-unknown",
                exit: .usage)
        }
    }

    /// - Throws: `CommandError` when the copy is not what was found.
    private func check(_ counts: MigrationRecord.Counts, _ survey: MigrationSurvey) throws {
        let found = (survey.tasks, survey.results, survey.deadLetters, survey.acts, survey.replays)
        let copied = (
            counts.tasks, counts.results + counts.unreadable, counts.deadLetters, counts.acts, counts.replays
        )
        guard found == copied else {
            throw CommandError(
                "tasks, results, dead letters, acts and replays are \(found) in the folder, but \(copied) were moved; keep the "
                    + "folder, and report this")
        }
    }

    private func copy(
        _ id: String, _ origin: String, _ source: EmbeddedLog, _ readable: any MessageLog, _ survey: MigrationSurvey,
        _ settings: Settings, _ target: any MessageLog, _ kafka: KafkaLog
    ) async throws -> MigrationRecord {
        let writer = writer(id, target, kafka)
        let clock = source.clockState
        let copy = MigrationCopy(
            id: id, origin: origin, source: readable, survey: survey, target: target, writer: writer,
            layout: settings.layout,
            routing: TaskRouting(
                layout: settings.layout, largeThreshold: settings.largeThreshold, isOrdered: settings.isOrdered),
            clock: SystemLogClock(), ahead: clock.wall - clock.time,
            fingerprints: { try await source.fingerprints(of: $0) })
        var bar = ProgressBar()
        let copied: MigrationRecord
        do {
            copied = try await copy.run { record in
                let done = record.counts.results + record.counts.tasks
                bar.show(ProgressBar.bar(done, of: survey.results + survey.tasks))
            } onWait: { error in
                Stderr.say("waiting for the cluster: \(error)")
            }
        } catch {
            bar.clear()
            await writer.close()
            throw error
        }
        bar.clear()
        await writer.close()
        return copied
    }

    private func writer(_ id: String, _ target: any MessageLog, _ kafka: KafkaLog) -> any ExclusiveWriter {
        let writer = kafka.exclusiveWriter("migrate-" + id)
        return (target as? SignedLog)?.signing(writer) ?? writer
    }

    /// How far the migration has come in the cluster; nil when nothing is there.
    private func progress(
        _ id: String, _ target: any MessageLog, _ kafka: KafkaLog, _ layout: TopicLayout
    ) async throws -> MigrationRecord? {
        let writer = writer(id, target, kafka)
        do {
            let found = try await MigrationCopy.progress(id, writer: writer, target: target, layout)
            await writer.close()
            return found
        } catch {
            await writer.close()
            throw error
        }
    }

    private func withdraw(
        _ source: EmbeddedLog, _ settings: Settings, _ target: any MessageLog, _ kafka: KafkaLog
    ) async throws {
        guard let begun = try await source.migration else {
            return try answer(Answer(end: "stays"), "nothing to do: the log does not move")
        }
        let cluster = try await kafka.clusterID()
        guard begun.cluster == cluster, begun.prefix == settings.layout.prefix else {
            throw LogError.migrated(folder: source.folder, to: begun.text)
        }
        guard try await progress(begun.id, target, kafka, settings.layout) == nil else {
            throw CommandError(
                "a part of the log is in the cluster already, and the fleet may work on it; finish the move with "
                    + "'backhaul migrate --yes'")
        }
        try await source.withdrawMigration()
        try answer(Answer(end: "abandoned"), "the log is in use again; 'backhaul standalone' goes on with it")
    }

    /// The layout of the folder's topics.
    private func sourceLayout(_ source: EmbeddedLog) async throws -> TopicLayout {
        let names = Set(try await source.topics().map(\.name))
        let found = names.filter { $0.hasSuffix("results") }.map { TopicLayout(prefix: String($0.dropLast(7))) }
            .filter { names.isSuperset(of: [$0.tasks, $0.outcomes, $0.checkpoints]) }
            .filter { fromPrefix == nil || fromPrefix == $0.prefix }
        guard let layout = found.first, found.count == 1 else {
            let prefixes = found.map { "'\($0.prefix)'" }.sorted().joined(separator: ", ")
            throw CommandError(
                found.isEmpty
                    ? "the log in \(source.folder) has no topics of Backhaul"
                        + (fromPrefix.map { " that begin with '\($0)'" } ?? "")
                    : "the log in \(source.folder) has topics with the prefixes \(prefixes); give one by --from-prefix",
                exit: .usage)
        }
        return layout
    }

    // MARK: What workers would not upload

    private func problems(_ survey: MigrationSurvey, _ settings: Settings, _ folder: String) -> [String] {
        let roots = SourceRoots(configured: [:], registry: Settings.registry(in: folder), takesRegistered: true)
        let missing = survey.roots.filter { settings.roots[$0.key] == nil }.sorted { $0.key < $1.key }
        return missing.map { name, need in
            let path = (try? roots.registered(name)).flatMap(\.self).map { " (\($0) on the machine of the log)" } ?? ""
            return "workers would not upload \(need.tasks) tasks: sources.roots lacks '\(name)'\(path)"
        }
            + survey.refusals.sorted { $0.key < $1.key }.map { refusal, need in
                "workers would not upload \(need.tasks) tasks: \(refusal)"
            }
    }

    // MARK: Printing

    private func answer(_ answer: Answer, _ text: String) throws {
        if log.output == .json { return try Output.json(answer) }
        Output.line(text)
    }

    private func show(_ survey: MigrationSurvey, _ problems: [String]) throws {
        var problems = problems
        if survey.unsigned > 0 {
            problems.append(
                "\(survey.unsigned) records have no valid signature: --from-config names the log's own keys")
        }
        if log.output == .json {
            return try Output.json(
                Answer(
                    end: "would-move", tasks: survey.tasks, bytes: survey.size.bytes, results: survey.results,
                    deadLetters: survey.deadLetters, acts: survey.acts, replays: survey.replays,
                    malformed: survey.malformed,
                    problems: problems)
            )
        }
        Output.line(
            "would move \(survey.tasks) unfinished tasks (\(SizeText.format(survey.size))), \(survey.results) results, "
                + "\(survey.deadLetters) dead letters, \(survey.acts) acts, and \(survey.replays) replays, discards and "
                + "muted issues")
        if survey.malformed > 0 {
            Output.line("\(survey.malformed) records are not tasks; workers make dead letters of them")
        }
        for problem in problems { Output.line(problem) }
        Output.line(
            "workers of a fleet connect to public addresses only, and to those of egress.allow; stop the folder's daemon, "
                + "then give --yes to move them")
    }

    private func show(_ counts: MigrationRecord.Counts, _ survey: MigrationSurvey) throws {
        let moved = Answer(
            end: "moved", tasks: counts.tasks, bytes: survey.size.bytes, results: counts.results,
            deadLetters: counts.deadLetters, acts: counts.acts, replays: counts.replays, malformed: survey.malformed,
            unreadable: counts.unreadable)
        try answer(
            moved,
            "moved \(counts.tasks) unfinished tasks, \(counts.results) results, \(counts.deadLetters) dead letters, "
                + "\(counts.acts) acts, and \(counts.replays) replays, discards and muted issues")
        Stderr.say("the acknowledgers record the results; '\(log.hint("audit"))' checks them")
        guard counts.unreadable == 0 else {
            throw CommandError("\(counts.unreadable) results cannot be read, and are in the folder only; keep it")
        }
    }
}
