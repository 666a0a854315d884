import BackhaulAudit
import BackhaulDestinations
import BackhaulDomain
import BackhaulEmbedded
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulReplay
import BackhaulTestKit
import BackhaulUnits
import BackhaulView
import BackhaulWeb
import Foundation
import FoundationNetworking
import Logging

/// Sends hostile input through whole paths: records of every topic through workers, the acknowledger, a view, the
/// audit and the replay; bodies and queries through the HTTP API. Throws when anything stops, hangs or answers with
/// a 5xx status other than 503.
package struct FuzzRun: Sendable {
    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    /// The counts of a run.
    package struct Summary: Sendable {
        package var records: [String: Int] = [:]
        package var requests = 0
        package var malformed = 0
        package var results = 0
    }

    private let seed: UInt64
    /// Records per topic, over all rounds.
    private let records: Int
    private static let round = 2_000
    /// So long that a task with a deadline ends at its first wait.
    static let parkDelay = Domain.longestWait

    package init(seed: UInt64, records: Int) {
        self.seed = seed
        self.records = records
    }

    package func run() async throws -> Summary {
        var summary = Summary()
        try await withTemporaryFolder { folder in
            var policy = Pipeline.quickPolicy
            policy.parkDelay = Self.parkDelay
            let pipeline = try await Pipeline(
                folder: folder, destinations: ["nas": Destination(DropDestination())], policy: policy, partitions: 2)
            do {
                summary = try await drive(pipeline)
            } catch {
                await pipeline.close()
                throw Failure(description: "seed \(seed): \(error)")
            }
            await pipeline.close()
        }
        return summary
    }

    private func drive(_ pipeline: Pipeline) async throws -> Summary {
        let layout = pipeline.layout
        var logger = Logger(label: "fuzz")
        logger.logLevel = .critical
        let view = try StatusView(
            path: pipeline.folder + "/view.sqlite", log: pipeline.log, layout: layout, holdsTruncation: false,
            logger: logger)
        let meters = WebMeters()
        let rules = LiveRules(
            IngestRules(
                destinations: ["nas"],
                base: TenantPolicy(
                    roots: .only(["src"]), destinations: .all, keyPrefixes: nil, freeURLs: false)))
        let ingest = IngestAPI(
            ingest: pipeline.ingest, rules: rules, limits: TenantLimits(quotas: TenantQuotas(), clock: pipeline.clock),
            meters: meters, logger: logger
        ) { _ in IngestAPI.FileFacts(size: 7, modifiedAt: 9) }
        let tasks = TasksAPI(
            log: pipeline.log, layout: layout, view: view, replay: pipeline.replay, rules: rules,
            submissions: TenantLimits(quotas: TenantQuotas(), clock: pipeline.clock), clock: pipeline.clock)
        let server = WebServer(
            host: "127.0.0.1", port: 0, routes: ingest.routes + tasks.routes,
            authenticator: Authenticator(isOn: false, tokens: []), meters: meters, logger: logger)
        var summary = Summary()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            let port = try await server.waitUntilListening()
            var source = FuzzSource(seed: seed)
            var left = records
            var round = 0
            while left > 0 {
                round += 1
                let count = min(left, Self.round)
                left -= count
                try await flood(pipeline, count, &source, &summary)
                try await settle(pipeline)
                try await look(pipeline, view)
                // Audit and replay read everything from the beginning, so a long run calls them only in some rounds.
                if round.nonzeroBitCount == 1 || left == 0 { try await readAll(pipeline, &summary) }
                try await ask(port, &source, &summary)
            }
            try await live(pipeline)
            await server.stop(grace: .seconds(1))
            group.cancelAll()
        }
        try view.close()
        return summary
    }

    private func flood(
        _ pipeline: Pipeline, _ count: Int, _ source: inout FuzzSource, _ summary: inout Summary
    ) async throws {
        let layout = pipeline.layout
        let topics = [
            layout.tasks, layout.largeTasks, layout.retry(.milliseconds(100)), layout.retry(.milliseconds(300)),
            layout.deadLetters, layout.outcomes,
            layout.results, layout.checkpoints, layout.control, layout.acts,
        ]
        for topic in topics {
            let partitions = topic == layout.control ? 1 : 2
            for start in stride(from: 0, to: count, by: 500) {
                let requests = (start..<min(start + 500, count)).map { number in
                    AppendRequest(
                        topic: topic, partitioning: .partition(number % partitions),
                        record: source.record(for: topic, layout))
                }
                _ = try await pipeline.log.append(requests)
            }
            summary.records[topic, default: 0] += count
        }
    }

    /// Runs a worker and the acknowledger until every group has reached the end of its topic.
    private func settle(_ pipeline: Pipeline) async throws {
        let layout = pipeline.layout
        let groups = [
            (layout.workers, layout.tasks), (layout.largeWorkers, layout.largeTasks),
            (layout.delays, layout.retry(.milliseconds(100))),
            (layout.delays, layout.retry(.milliseconds(300))), (layout.acknowledgers, layout.outcomes),
        ]
        try await pipeline.run { () async throws -> Void in
            @Sendable func undone() async throws -> [String] {
                var places: [String] = []
                for (group, topic) in groups {
                    let positions = try await pipeline.log.positions(of: group)
                    for bounds in try await pipeline.log.bounds(topic) {
                        let position = positions[bounds.partition] ?? GroupPosition(frontier: 0)
                        if position.frontier < bounds.end {
                            places += try await Self.unfinished(bounds, position, pipeline).map { "\(group) at \($0)" }
                        }
                    }
                }
                return places
            }
            // `changes` signals records only, and the last settlement may just move a position.
            let end = ContinuousClock.now + .seconds(300)
            while case let places = try await undone(), !places.isEmpty {
                guard ContinuousClock.now < end else {
                    throw Failure(description: "groups are behind: \(places.prefix(9))")
                }
                try await ContinuousClock().sleep(for: .milliseconds(50))
            }
        }
    }

    /// The records that a group has neither finished nor has to wait for: some are made to be due in 400 days, and some
    /// name a root or a destination that nobody knows.
    private static func unfinished(
        _ bounds: PartitionBounds, _ position: GroupPosition, _ pipeline: Pipeline
    ) async throws -> [String] {
        var places: [String] = []
        let finished = position.finishedMap
        let soon = pipeline.clock.now + .seconds(60)
        try await pipeline.log.scan(bounds.partition, from: position.frontier, to: bounds.end) { records in
            for stored in records where !finished.contains(stored.position.offset) {
                if let task = try? TaskRecord.read(stored.record) {
                    if let due = task.progress.due, due > soon { continue }
                    if task.task.source.root != "src" { continue }
                    if (try? pipeline.destinations.resolve(task.task.destination.target)) == nil { continue }
                }
                places.append("\(stored.position)")
            }
        }
        return places
    }

    private func look(_ pipeline: Pipeline, _ view: StatusView) async throws {
        try await view.catchUp()
        for tenant in ["t", "u", "\u{212a}evin"] as [ByteText] {
            _ = try await view.counts(batch: nil, tenant: tenant)
            _ = try await view.size(batch: "b", tenant: tenant)
            _ = try await view.unacknowledged(tenant: tenant)
            for task in try await view.search(TaskSearch(tenant: tenant, limit: 50)).tasks {
                _ = try await view.attempts(task)
            }
        }
        let counts = try await view.counts(batch: nil, tenant: nil)
        guard counts.accepted == counts.ended + counts.waiting + counts.running + counts.retrying else {
            throw Failure(description: "the view's counts do not add up: \(counts)")
        }
    }

    private func readAll(_ pipeline: Pipeline, _ summary: inout Summary) async throws {
        let report = try await pipeline.audit()
        summary.malformed = report.malformed
        summary.results = report.results
        for stored in try await pipeline.records(pipeline.layout.acts) { _ = try? ActRecord.read(stored.record) }
        _ = try await pipeline.replay.plan(LetterSelection())
        _ = try await pipeline.replay(LetterSelection(tenant: "u"))
    }

    private func ask(_ port: Int, _ source: inout FuzzSource, _ summary: inout Summary) async throws {
        let lines = (0..<200).map { _ in source.line() }
        var body = Data()
        for line in lines { body.append(contentsOf: line + [0x0a]) }
        try await send("POST", "/v1/tasks:batch", port, body)
        for _ in 0..<20 { try await send("POST", "/v1/tasks", port, Data(source.line())) }
        for _ in 0..<40 { try await send("GET", source.target(), port, nil) }
        summary.requests += lines.count + 60
    }

    private func send(_ method: String, _ target: String, _ port: Int, _ body: Data?) async throws {
        guard let url = URL(string: "http://127.0.0.1:\(port)\(target)") else { return }
        var request = URLRequest(url: url)
        request.httpMethod = method
        request.timeoutInterval = 60
        request.httpBody = body
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        let (_, response) = try await URLSession.shared.data(for: request)
        let status = (response as? HTTPURLResponse)?.statusCode ?? 0
        // A request that is refused for its type would test nothing.
        guard status != 415, status < 500 || status == 503 else {
            throw Failure(
                description:
                    "\(method) \(target) answered \(status): \(String(decoding: body ?? Data(), as: UTF8.self))")
        }
    }

    /// Checks that a caller's task still succeeds after the hostile input.
    private func live(_ pipeline: Pipeline) async throws {
        let draft = try pipeline.draft("sound", [1], to: .named("nas"), id: "sound-\(seed)")
        _ = try await pipeline.ingest.accept([draft])
        try await settle(pipeline)
        let results = try await pipeline.records(pipeline.layout.results)
        let isDone = results.contains { stored in
            stored.record.header("ce_id")?.text == "t/sound-\(seed)/0"
                && stored.record.header("ce_type")?.text == "backhaul.upload.succeeded.v1"
        }
        guard isDone else { throw Failure(description: "a valid task has no result after the hostile ones") }
    }
}
