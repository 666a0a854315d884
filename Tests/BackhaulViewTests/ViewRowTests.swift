import BackhaulDomain
import BackhaulLog
import BackhaulTestKit
import Testing

@testable import BackhaulView

/// The row ends the same for every order of a generation's records.
@Suite("View rows")
struct ViewRowTests {
    private static let task = UploadTask(
        identity: TaskIdentity(tenant: "t", id: "x"), batch: "b", source: SourceReference(root: "r", path: "p"),
        destination: DestinationReference(target: .named("nas"), key: "k"), size: 5, modifiedAt: 0, acceptedAt: 1_000)

    private static func outcome(_ kind: OutcomeKind, generation: Int = 0, worker: String = "w") -> Outcome {
        Outcome(
            kind: kind, task: TaskGeneration(identity: task.identity, generation: generation), batch: "b",
            destination: task.destination, attempts: 1, crashes: 0, size: 5, worker: worker, acceptedAt: 1_000,
            startedAt: 2_000, finishedAt: 3_000)
    }

    private typealias News = @Sendable (ViewRow?) -> ViewRow?

    private static func accepted(_ generation: Int) -> News {
        { row in
            ViewRow.accepting(
                task, generation: generation, fingerprint: [UInt8(generation)],
                position: LogPosition(
                    partition: TopicPartition(topic: "tasks", partition: 0), offset: Int64(generation)), after: row)
        }
    }

    /// Every order of `news`.
    private static func permutations(_ news: [News]) -> [[News]] {
        guard news.count > 1 else { return [news] }
        return news.indices.flatMap { index in
            var rest = news
            let first = rest.remove(at: index)
            return permutations(rest).map { [first] + $0 }
        }
    }

    private static func fold(_ news: [News]) -> ViewRow? { news.reduce(nil as ViewRow?) { $1($0) } }

    @Test func successInAnyOrderGivesSameRow() throws {
        let news: [News] = [
            Self.accepted(0), { ViewRow.moving(Self.outcome(.started), to: .running, after: $0) },
            { ViewRow.ending(Self.outcome(.succeeded), .succeeded, after: $0) },
            { ViewRow.acknowledging(Self.outcome(.acknowledged, worker: "api:me"), after: $0) },
        ]
        let rows = Set(Self.permutations(news).map(Self.fold))
        #expect(rows.count == 1)
        let row = try #require(rows.first ?? nil)
        #expect(row.state == .succeeded && row.isAcknowledged && row.position != nil && row.finishedAt == 3_000)
        #expect(!row.isUnacknowledged)
    }

    /// Two contents under one id, of which the second has the result: no order gives a row that mixes them.
    @Test func rowIsOfTheContentWithTheResult() throws {
        func accepted(_ content: UInt8) -> News {
            var task = Self.task
            task.source.path = content == 1 ? "first" : "second"
            task.destination.key = task.source.path
            let submitted = task
            return { row in
                ViewRow.accepting(
                    submitted, generation: 0, fingerprint: [content],
                    position: LogPosition(
                        partition: TopicPartition(topic: "tasks", partition: 0), offset: Int64(content)), after: row)
            }
        }
        let ending: News = { row in
            var outcome = Self.outcome(.succeeded)
            outcome.destination.key = "second"
            outcome.fingerprint = [2]
            return ViewRow.ending(outcome, .succeeded, after: row)
        }
        let rows = Set(Self.permutations([accepted(1), accepted(2), ending, accepted(2)]).map(Self.fold))
        #expect(rows.count == 1)
        let row = try #require(rows.first ?? nil)
        #expect(row.state == .succeeded && row.key == "second" && row.fingerprint == [2])
        #expect(row.isContested && row.path.isEmpty && row.position == nil)
    }

    @Test func replayInAnyOrderGivesSameRow() throws {
        let news: [News] = [
            Self.accepted(0), Self.accepted(1),
            { ViewRow.ending(Self.outcome(.failed), .failed, after: $0) },
            { ViewRow.ending(Self.outcome(.succeeded, generation: 1), .succeeded, after: $0) },
        ]
        let rows = Set(Self.permutations(news).map(Self.fold))
        #expect(rows.count == 1)
        let row = try #require(rows.first ?? nil)
        #expect(row.generation == 1 && row.state == .succeeded)
        #expect(row.fingerprint == [0], "the first submission's fingerprint stays")
    }

    @Test func objectStoredDespiteCancelSetsLeftBehind() {
        let cancelled: News = { ViewRow.ending(Self.outcome(.cancelled, worker: "api:me"), .cancelled, after: $0) }
        let stored: News = { ViewRow.reporting(Self.outcome(.succeeded), isStored: true, after: $0) }
        let unstored: News = { ViewRow.reporting(Self.outcome(.cancelled), isStored: false, after: $0) }
        for news in Self.permutations([Self.accepted(0), cancelled, stored, unstored]) {
            #expect(Self.fold(news)?.leftBehind == true)
        }
        #expect(Self.fold([Self.accepted(0), cancelled, unstored])?.leftBehind == false)
        #expect(Self.fold([Self.accepted(0), cancelled])?.leftBehind == nil)
    }
}
