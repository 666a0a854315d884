import BackhaulDomain
import BackhaulEmbedded
import BackhaulIngest
import BackhaulLog
import BackhaulPipelineKit
import BackhaulRecords
import BackhaulTestKit
import BackhaulUnits
import Logging
import Testing

@testable import BackhaulView

@Suite("Reasons")
struct ReasonTests {
    /// What the groups say is what the rows say, whatever has happened to the tasks.
    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func groupsAreThoseOfTheRows(_ seed: UInt64) async throws {
        var numbers = SeededNumbers(seed: seed)
        let kinds: [OutcomeKind] = [.started, .retrying, .retrying, .retrying, .released, .succeeded, .failed]
        let failures = [
            Failure(.transient, "HTTP 503", httpStatus: 503), Failure(.transient, "no connection"),
            Failure(.rootUnavailable, "not mounted"), Failure(.throttled, "HTTP 429", httpStatus: 429),
        ]
        var outcomes: [Outcome] = []
        for number in 0..<400 {
            let kind = try #require(kinds.randomElement(using: &numbers))
            var outcome = Outcome(
                kind: kind,
                task: TaskGeneration(
                    identity: TaskIdentity(tenant: ["t", "u"][number % 2], id: "x\(number % 150)"), generation: 0),
                batch: ["a", "b"][number % 3 % 2],
                destination: DestinationReference(
                    target: .named(["nas", "web"][number % 5 % 2]), key: "k"),
                attempts: 1, crashes: 0, size: 1, verification: kind == .succeeded ? "durable" : "", worker: "w",
                acceptedAt: Timestamp(clamping: 1_000 + Int64(number)), startedAt: 2_000, finishedAt: 3_000)
            if kind == .retrying || kind == .failed { outcome.failure = failures.randomElement(using: &numbers) }
            if kind == .retrying {
                outcome.nextAttemptAt = Timestamp(clamping: Int64.random(in: 5_000..<9_000, using: &numbers))
            }
            outcomes.append(outcome)
        }
        let given = outcomes
        try await withPipeline { pipeline in
            for outcome in given {
                let topics = [pipeline.layout.outcomes] + (outcome.kind.isTerminal ? [pipeline.layout.results] : [])
                for topic in topics {
                    let value =
                        topic == pipeline.layout.results
                        ? try ResultDocument(outcome).encoded() : try OutcomeCodec.encode(outcome)
                    _ = try await pipeline.log.append([
                        AppendRequest(topic: topic, partitioning: .partition(0), record: LogRecord(value: value))
                    ])
                }
            }
            let view = try StatusView(
                path: pipeline.folder + "/v.sqlite", log: pipeline.log, layout: pipeline.layout,
                holdsTruncation: false, logger: Logger(label: "test"))
            try await view.catchUp()
            var rows: [TaskStatus] = []
            for tenant in try await view.tenants() {
                var search = TaskSearch(tenant: tenant, limit: 1_000)
                search.isOpen = true
                rows += try await view.search(search).tasks
            }
            #expect(!rows.isEmpty && rows.allSatisfy { !$0.state.isTerminal })
            for (batch, tenant) in [(nil, nil), ("a", nil), (nil, "u"), ("b", "t")] as [(ByteText?, ByteText?)] {
                let selected = rows.filter {
                    (batch == nil || $0.batch == batch) && (tenant == nil || $0.task.identity.tenant == tenant)
                }
                let groups = Dictionary(grouping: selected) {
                    "\($0.state) \($0.destination) \($0.failure?.description ?? "-")"
                }
                let reasons = try await view.reasons(batch: batch, tenant: tenant)
                #expect(reasons.count == groups.count)
                #expect(reasons.map(\.tasks) == reasons.map(\.tasks).sorted(by: >))
                for reason in reasons {
                    let state: TaskState =
                        switch reason.kind {
                        case .waiting: .waiting
                        case .uploading: .running
                        case .retrying, .rootUnavailable, .toldToWait: .retrying
                        }
                    let group = groups["\(state) \(reason.destination) \(reason.failure?.description ?? "-")"] ?? []
                    #expect(reason.tasks == group.count)
                    #expect(reason.oldestAcceptedAt == group.map(\.acceptedAt).min())
                    #expect(reason.nextAttemptAt == group.compactMap(\.nextAttemptAt).min())
                }
            }
            try view.close()
        }
    }
}
