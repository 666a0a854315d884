import ArgumentParser
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
            once; after an interruption the same command goes on. The daemon of the folder must be stopped. From then \
            on the folder takes no more tasks; its records stay until you delete it.

            Without --yes it only counts. The configuration must be that of the fleet: it says which source roots and \
            destinations the workers have.

            Example: backhaul migrate --from embedded:///srv/backhaul --log kafka://kafka1:9092/ --yes
            """)

    @Option(help: ArgumentHelp("The log to move: embedded:///absolute/folder.", valueName: "url"))
    var from: String

    @Option(help: ArgumentHelp("The prefix of its topics, where the folder has several.", valueName: "prefix"))
    var fromPrefix: String?

    @Flag(help: "Move it; without this it is a dry run.")
    var yes = false

    @Flag(help: "Move tasks although their source roots or destinations are not in this configuration.")
    var acceptUnknown = false

    @Flag(help: "Take the folder back into use: possible while nothing of it is in the cluster.")
    var abandon = false

    @OptionGroup var log: LogOptions

    private struct Answer: Encodable {
        var tasks: Int
        var bytes: UInt64
        var results: Int
        var deadLetters: Int
        var acts: Int
        var malformed: Int
        var unknownRoots: [String]
        var unknownDestinations: [String]
        var dryRun: Bool
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
            throw CommandError("there is no log in \(folder)", exit: .usage)
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
        if let done = try await source.migration, let finished = done.finishedAt {
            return Output.line("nothing to do: the log \(done.text)\(yes ? "" : " (since \(finished))")")
        }
        guard source.clockState.jump == .zero else {
            throw CommandError(
                "the machine's clock has jumped, so the times when tasks are due are unknown; settle it with "
                    + "'backhaul clock --log embedded://\(source.folder)'")
        }
        let layout = try await sourceLayout(source)
        let readable = try settings.signed(source)
        // Before the folder is closed: what is wrong must show while the daemon can still go on.
        let survey = try await MigrationSurvey.read(readable, layout)
        let unknown = unknown(survey, settings, source.folder)
        guard yes else { return try show(survey, unknown) }
        guard unknown.isEmpty || acceptUnknown else {
            throw CommandError(
                unknown.map(\.text).joined(separator: "\n")
                    + "\nadd them to the configuration of the workers and of this command, or give --accept-unknown",
                exit: .usage)
        }
        let state = try await source.beginMigration(to: try await kafka.clusterID(), prefix: settings.layout.prefix)
        let origin = "\(ProcessInfo.processInfo.hostName):\(source.folder)"
        let act = await CommandAct(.migrate, settings, target, detail: "from \(origin)")
        do {
            let copied = try await copy(state.id, origin, source, readable, layout, settings, target, kafka)
            try await source.finishMigration()
            await act.end(
                .done, tasks: copied.counts.tasks,
                counts: [
                    "tasks": copied.counts.tasks, "results": copied.counts.results,
                    "deadLetters": copied.counts.deadLetters, "acts": copied.counts.acts,
                ])
            try show(copied.counts, survey)
        } catch {
            await act.fail(error)
            throw error
        }
    }

    private func copy(
        _ id: String, _ origin: String, _ source: EmbeddedLog, _ readable: any MessageLog, _ layout: TopicLayout,
        _ settings: Settings, _ target: any MessageLog, _ kafka: KafkaLog
    ) async throws -> MigrationRecord {
        let writer = writer(id, target, kafka)
        // Again: tasks may have come and ended since the first survey, until the folder was closed.
        let survey = try await MigrationSurvey.read(readable, layout)
        let copy = MigrationCopy(
            id: id, origin: origin, source: readable, survey: survey, target: target, writer: writer,
            layout: settings.layout,
            routing: TaskRouting(
                layout: settings.layout, largeThreshold: settings.largeThreshold, isOrdered: settings.isOrdered),
            clock: SystemLogClock(), fingerprints: { try await source.fingerprints(of: $0) })
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

    private func withdraw(
        _ source: EmbeddedLog, _ settings: Settings, _ target: any MessageLog, _ kafka: KafkaLog
    ) async throws {
        guard let begun = try await source.migration else {
            return Output.line("nothing to do: the log does not move")
        }
        let cluster = try await kafka.clusterID()
        guard begun.cluster == cluster, begun.prefix == settings.layout.prefix else {
            throw LogError.migrated(folder: source.folder, to: begun.text)
        }
        let writer = writer(begun.id, target, kafka)
        let copied: MigrationRecord?
        do {
            copied = try await MigrationCopy.progress(begun.id, writer: writer, target: target, settings.layout)
        } catch {
            await writer.close()
            throw error
        }
        await writer.close()
        guard copied == nil else {
            throw CommandError(
                "a part of the log is in the cluster already, and the fleet may work on it; finish the move with "
                    + "'backhaul migrate --yes'")
        }
        try await source.withdrawMigration()
        Output.line("the log is in use again; 'backhaul standalone' goes on with it")
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

    // MARK: What the fleet lacks

    private struct Unknown {
        var isRoot: Bool
        var name: String
        var text: String
    }

    private func unknown(_ survey: MigrationSurvey, _ settings: Settings, _ folder: String) -> [Unknown] {
        let roots = SourceRoots(configured: [:], registry: Settings.registry(in: folder), takesRegistered: true)
        let needed = survey.roots.filter { settings.roots[$0.key] == nil }.sorted { $0.key < $1.key }
        let places = survey.destinations.filter { settings.destinations[$0.key] == nil }.sorted { $0.key < $1.key }
        return needed.map { name, need in
            let path = (try? roots.registered(name)).flatMap(\.self).map { ", \($0) on the machine of the log" } ?? ""
            return Unknown(
                isRoot: true, name: name.text,
                text: "sources.roots lacks '\(name)'\(path): workers would fail \(need.tasks) tasks for good")
        }
            + places.map { name, need in
                Unknown(
                    isRoot: false, name: name.text,
                    text: "destinations lacks '\(name)': workers would fail \(need.tasks) tasks for good")
            }
    }

    // MARK: Printing

    private func show(_ survey: MigrationSurvey, _ unknown: [Unknown]) throws {
        if log.output == .json {
            return try Output.json(
                Answer(
                    tasks: survey.tasks, bytes: survey.size.bytes, results: survey.results,
                    deadLetters: survey.deadLetters, acts: survey.acts, malformed: survey.malformed,
                    unknownRoots: unknown.filter(\.isRoot).map(\.name),
                    unknownDestinations: unknown.filter { !$0.isRoot }.map(\.name), dryRun: true))
        }
        Output.line(
            "would move \(survey.tasks) unfinished tasks (\(SizeText.format(survey.size))), \(survey.results) results, "
                + "\(survey.deadLetters) dead letters and \(survey.acts) acts")
        if survey.malformed > 0 {
            Output.line("\(survey.malformed) records are not tasks; workers make dead letters of them")
        }
        for problem in unknown { Output.line(problem.text) }
        Output.line("stop the folder's daemon, then give --yes to move them")
    }

    private func show(_ counts: MigrationRecord.Counts, _ survey: MigrationSurvey) throws {
        if log.output == .json {
            return try Output.json(
                Answer(
                    tasks: counts.tasks, bytes: survey.size.bytes, results: counts.results,
                    deadLetters: counts.deadLetters, acts: counts.acts, malformed: survey.malformed, unknownRoots: [],
                    unknownDestinations: [], dryRun: false))
        }
        Output.line(
            "moved \(counts.tasks) unfinished tasks, \(counts.results) results, \(counts.deadLetters) dead letters and "
                + "\(counts.acts) acts")
        Stderr.say("the acknowledgers record the results; '\(log.hint("audit"))' checks them")
    }
}
