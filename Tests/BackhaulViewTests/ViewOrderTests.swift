import BackhaulDomain
import BackhaulEmbedded
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTestKit
import Logging
import Testing

@testable import BackhaulView

/// Topics are read one after another, so a view's final state must not depend on the order of the records.
@Suite("View record order")
struct ViewOrderTests {
    private func outcome(_ kind: OutcomeKind, generation: Int = 0, worker: String = "w", mayExist: Bool = false)
        -> Outcome
    {
        Outcome(
            kind: kind,
            task: TaskGeneration(identity: TaskIdentity(tenant: "t", id: "x"), generation: generation), batch: "b",
            destination: DestinationReference(target: .named("nas"), key: "k"), attempts: 1, crashes: 0, size: 1,
            verification: kind == .succeeded ? "durable" : "", worker: worker, acceptedAt: 1_000, startedAt: 2_000,
            finishedAt: 3_000, objectMayExist: mayExist)
    }

    private func append(_ outcome: Outcome, to topic: String, _ pipeline: Pipeline) async throws {
        let value =
            topic == pipeline.layout.results
            ? try ResultDocument(outcome).encoded() : try OutcomeCodec.encode(outcome)
        _ = try await pipeline.log.append([
            AppendRequest(topic: topic, partitioning: .partition(0), record: LogRecord(value: value))
        ])
    }

    private func viewing(_ body: @escaping @Sendable (Pipeline, StatusView) async throws -> Void) async throws {
        try await withPipeline { pipeline in
            let view = try StatusView(
                path: pipeline.folder + "/v.sqlite", log: pipeline.log, layout: pipeline.layout, holdsTruncation: false,
                logger: Logger(label: "test"))
            try await body(pipeline, view)
            // For all records, the counts match the rows.
            let counts = try await view.counts(batch: nil, tenant: "t")
            let page = try await view.search(TaskSearch(tenant: "t"))
            #expect(counts.accepted == page.tasks.count)
            let unacknowledged = page.tasks.filter {
                $0.position != nil && !$0.isAcknowledged && $0.state != .cancelled
            }
            #expect(try await view.unacknowledged(tenant: "t") == unacknowledged.count)
            try view.close()
        }
    }

    private let identity = TaskIdentity(tenant: "t", id: "x")

    /// A view commits its last position although no record follows. Otherwise the log would keep the record as long
    /// as the machine is idle, while results continue to age out.
    @Test func idleViewCommitsPositions() async throws {
        try await withPipeline { pipeline in
            let view = try StatusView(
                path: pipeline.folder + "/v.sqlite", log: pipeline.log, layout: pipeline.layout, holdsTruncation: true,
                commitEvery: .milliseconds(1_500), logger: Logger(label: "test"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await view.run() }
                // The second record arrives within the pause after the first commit, and nothing follows it.
                for count in 1...2 {
                    try await append(outcome(.succeeded, generation: count), to: pipeline.layout.outcomes, pipeline)
                    try await within(300, "the view's position") {
                        let partition = TopicPartition(topic: pipeline.layout.outcomes, partition: 0)
                        while try await pipeline.log.positions(of: pipeline.layout.view)[partition]?.frontier
                            != Int64(count)
                        {
                            try await ContinuousClock().sleep(for: .milliseconds(20))
                        }
                    }
                }
                group.cancelAll()
                while let result = await group.nextResult() {
                    if case .failure(let error) = result, !(error is CancellationError) { throw error }
                }
            }
            try view.close()
        }
    }

    @Test func acknowledgmentBeforeTaskIsKept() async throws {
        try await viewing { pipeline, view in
            try await append(outcome(.acknowledged, worker: "api:me"), to: pipeline.layout.outcomes, pipeline)
            try await view.catchUp()
            try await append(outcome(.succeeded), to: pipeline.layout.results, pipeline)
            try await view.catchUp()
            _ = try await pipeline.ingest.accept([try pipeline.draft("a", [1], to: .named("nas"), id: "x")])
            try await view.catchUp()
            let status = try await view.task(identity)
            #expect(status?.isAcknowledged == true && status?.state == .succeeded && status?.root == "src")
            #expect(try await view.unacknowledged(tenant: "t") == 0)
        }
    }

    @Test(arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]])
    func cancelReportInAnyOrderUpdatesObjectMayExist(_ order: [Int]) async throws {
        try await viewing { pipeline, view in
            let news = [
                (outcome(.cancelled, worker: "api:me", mayExist: true), pipeline.layout.outcomes),
                (outcome(.cancelled, worker: "api:me", mayExist: true), pipeline.layout.results),
                (outcome(.cancelled, worker: "w", mayExist: false), pipeline.layout.outcomes),
            ]
            for index in order {
                try await append(news[index].0, to: news[index].1, pipeline)
                try await view.catchUp()
            }
            #expect(try await view.task(identity)?.objectMayExist == false)
            // A second record of the task was uploaded after all: that outweighs the report.
            try await append(outcome(.succeeded), to: pipeline.layout.outcomes, pipeline)
            try await view.catchUp()
            let status = try await view.task(identity)
            #expect(status?.state == .cancelled && status?.objectMayExist == true)
        }
    }

    /// The first submission's fingerprint stays, although the view reads a retry to another key, or its outcome, first.
    @Test(arguments: [true, false])
    func firstSubmissionFingerprintIsKept(_ meetsOutcomeFirst: Bool) async throws {
        try await viewing { pipeline, view in
            let draft = try pipeline.draft("a", [1], to: .named("nas"), id: "x")
            let task = Ingest.task(draft, acceptedAt: 5)
            var elsewhere = task
            elsewhere.destination.key = "elsewhere"
            if meetsOutcomeFirst {
                try await append(outcome(.retrying, generation: 1), to: pipeline.layout.outcomes, pipeline)
                try await view.catchUp()
            }
            for (value, generation) in [(elsewhere, 1), (task, 0)] {
                let headers = ProgressHeaders.encode(TaskProgress(generation: generation))
                _ = try await pipeline.log.append([
                    AppendRequest(
                        topic: pipeline.layout.tasks, partitioning: .partition(generation),
                        record: LogRecord(value: try TaskCodec.encode(value), headers: headers))
                ])
                try await view.catchUp()
            }
            let known = try await view.known([identity])[identity]
            #expect(known?.fingerprint == (try TaskFingerprint.of(task)) && known?.generation == 1)
        }
    }
}
