package import BackhaulDestinations
package import BackhaulDomain
package import BackhaulLog
internal import BackhaulUnits
internal import GRDB

/// Reads stored objects back and compares them with the newest results for their keys.
package struct ObjectAudit: Sendable {
    private let log: any MessageLog
    private let layout: TopicLayout
    private let database: AuditDatabase
    private let scope: AuditScope
    private let destinations: DestinationTable
    private let runner: DialectRunner
    private let progress: @Sendable (AuditProgress) -> Void
    /// Maximum objects read concurrently.
    private static let width = 16

    /// - Parameter database: that of the audit of the log, which gets the findings.
    package init(
        log: any MessageLog, layout: TopicLayout, database: AuditDatabase, scope: AuditScope = AuditScope(),
        destinations: DestinationTable, runner: DialectRunner,
        progress: @escaping @Sendable (AuditProgress) -> Void = { _ in }
    ) {
        self.log = log
        self.layout = layout
        self.database = database
        self.scope = scope
        self.destinations = destinations
        self.runner = runner
        self.progress = progress
    }

    /// What is at a place.
    private enum Sight: Sendable {
        case object(sha256: String)
        case absent
        /// Why the destination did not answer, or not with the object.
        case unreachable(String)
        /// The destination has not answered for others.
        case givenUp
    }

    private enum Judgement {
        case right
        case found(AuditFinding, LostObject? = nil)
        case notLookedAt
    }

    /// How often destinations have not answered, so that one that is down is not asked for each of its objects.
    private actor Answers {
        private var failures: [ByteText: Int] = [:]
        private static let patience = 32

        func isGivenUp(_ destination: ByteText) -> Bool { failures[destination, default: 0] >= Self.patience }

        func note(_ destination: ByteText, hasAnswered: Bool) {
            failures[destination] = hasAnswered ? 0 : failures[destination, default: 0] + 1
        }
    }

    /// Objects to be looked at, and how many of them there are in all.
    private struct Walk {
        var objects = AuditReport.Objects()
        var done: Int64 = 0
        var total: Int64 = 0
    }

    /// Adds what the objects are to the report. Keys with an unfinished task are not checked, and counted.
    /// - Throws: `LogError`; `DatabaseFailure`.
    package func run(_ report: inout AuditReport) async throws {
        let before = report
        report = try await AuditDatabase.telling {
            var report = before
            try await examine(&report)
            return report
        }
    }

    private func examine(_ report: inout AuditReport) async throws {
        let survey = try await ObjectSurvey(log, layout)
        let answers = Answers()
        let count = try survey.count(scope.batch)
        var sampler = scope.sample.map { Sampler(count, share: $0, numbers: SystemRandomNumberGenerator()) }
        var walk = Walk()
        walk.total = Int64(count)
        let doubts = try Doubts()
        var last: Int64 = 0
        while true {
            let part = try survey.objects(after: last, batch: scope.batch, limit: 1_000)
            guard let end = part.last else { break }
            last = end.number
            let taken = part.filter { _ in sampler?.takes() ?? true }
            walk.objects.notSampled += part.count - taken.count
            walk.done += Int64(part.count - taken.count)
            try await look(at: taken, survey, answers, &walk) { wanted, judgement, walk in
                switch judgement {
                case .right:
                    walk.objects.verified += 1
                    walk.objects.verifiedBytes = walk.objects.verifiedBytes + wanted.size
                case .notLookedAt: walk.objects.notLookedAt += 1
                // On a live log, an object may be replaced between the survey and its read: what seems wrong is
                // checked again after a second survey.
                case .found(let finding, _):
                    try doubts.add(
                        wanted.place, unreachable: finding.kind == .unreachable ? finding : nil)
                }
            }
        }
        if try doubts.count() > 0 { try await lookAgain(doubts, answers, &walk) }
        try survey.overwritten(scope.batch) { try database.add($0) }
        report.objects = walk.objects
        report.counts = try database.counts()
    }

    private func lookAgain(_ doubts: Doubts, _ answers: Answers, _ walk: inout Walk) async throws {
        let survey = try await ObjectSurvey(log, layout, isWanted: { try doubts.contains($0) })
        walk.total += Int64(try doubts.count())
        var last: Int64 = 0
        while true {
            let part = try doubts.read(after: last, limit: 1_000)
            guard let end = part.last else { return }
            last = end.number
            var wanted: [ExpectedObject] = []
            for doubt in part {
                if let object = try survey.object(at: doubt.place) {
                    wanted.append(object)
                } else {
                    // Its results have aged out meanwhile.
                    walk.objects.notLookedAt += 1
                }
            }
            try await look(at: wanted, survey, answers, &walk) { wanted, judgement, walk in
                switch judgement {
                case .right:
                    walk.objects.verified += 1
                    walk.objects.verifiedBytes = walk.objects.verifiedBytes + wanted.size
                case .notLookedAt:
                    // Given up the second time, it is still one that did not answer.
                    if let finding = part.first(where: { $0.place == wanted.place })?.unreachable {
                        try database.add([finding])
                    } else {
                        walk.objects.notLookedAt += 1
                    }
                case .found(let finding, let lost):
                    try database.add([finding])
                    if let lost { try database.add([lost]) }
                }
            }
        }
    }

    /// Looks at objects concurrently, and calls `each` with each of them.
    private func look(
        at objects: [ExpectedObject], _ survey: ObjectSurvey, _ answers: Answers, _ walk: inout Walk,
        _ each: (ExpectedObject, Judgement, inout Walk) throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: (ExpectedObject, Sight).self) { group in
            var running = 0
            func note(_ object: ExpectedObject, _ judgement: Judgement) throws {
                try each(object, judgement, &walk)
                walk.done += 1
                progress(AuditProgress(stage: .objects, done: walk.done, total: walk.total))
            }
            for object in objects {
                if try survey.isMoving(object.place) {
                    try note(object, .notLookedAt)
                    continue
                }
                if running == Self.width, let (object, sight) = try await group.next() {
                    try note(object, try Self.judge(sight, object, survey))
                    running -= 1
                }
                group.addTask {
                    if await answers.isGivenUp(object.place.destination) { return (object, .givenUp) }
                    let sight = try await look(at: object.place)
                    let hasAnswered = if case .unreachable = sight { false } else { true }
                    await answers.note(object.place.destination, hasAnswered: hasAnswered)
                    return (object, sight)
                }
                running += 1
            }
            for try await (object, sight) in group { try note(object, try Self.judge(sight, object, survey)) }
        }
    }

    private static func judge(
        _ sight: Sight, _ wanted: ExpectedObject, _ survey: ObjectSurvey
    ) throws -> Judgement {
        switch sight {
        case .givenUp: return .notLookedAt
        case .unreachable(let message): return .found(wanted.finding(.unreachable, found: message))
        case .absent:
            return .found(
                wanted.finding(.gone, found: "nothing"),
                wanted.lost("an audit found no such object at the destination"))
        case .object(let sha256):
            if sha256 == wanted.sha256 {
                guard let newest = try survey.newest(at: wanted.place), newest.task.identity != wanted.task.identity,
                    newest.acceptedAt > wanted.acceptedAt
                else { return .right }
                return .found(
                    AuditFinding(
                        .stale, task: newest.task, at: wanted.place,
                        expected: "the content of \(newest.task), which is not stored", found: sha256))
            }
            if try survey.hasStored(sha256, at: wanted.place) { return .found(wanted.finding(.stale, found: sha256)) }
            return .found(
                wanted.finding(.corrupted, found: sha256),
                wanted.lost("an audit found another object at the destination, of SHA-256 \(sha256)"))
        }
    }

    private func look(at place: ObjectPlace) async throws -> Sight {
        let isURL = place.destination.utf8.contains(UInt8(ascii: ":"))
        let destination: Destination
        do {
            destination = try destinations.resolve(isURL ? .url(place.destination) : .named(place.destination))
        } catch {
            return .unreachable(error.message)
        }
        do {
            let object = try await runner.run(destination.type.readBack(key: place.key))
            return object.map { .object(sha256: $0.sha256) } ?? .absent
        } catch let failure as Failure {
            return .unreachable(failure.message)
        }
    }
}
