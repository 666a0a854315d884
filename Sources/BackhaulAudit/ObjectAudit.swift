package import BackhaulDestinations
package import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
package import BackhaulTransfer
package import BackhaulUnits

/// Reads every stored object back and compares it with the newest result for its key.
package struct ObjectAudit: Sendable {
    private let log: any MessageLog
    private let layout: TopicLayout
    private let destinations: DestinationTable
    private let engine: TransferEngine
    private let store: LocalStore
    /// Maximum objects read concurrently.
    private static let width = 16

    package init(
        log: any MessageLog, layout: TopicLayout, destinations: DestinationTable, engine: TransferEngine,
        store: LocalStore
    ) {
        self.log = log
        self.layout = layout
        self.destinations = destinations
        self.engine = engine
        self.store = store
    }

    private struct Place: Hashable, Sendable {
        var destination: ByteText
        var key: ByteText
    }

    private struct Expected: Sendable {
        /// What would be lost with the object.
        var result: Lost
        var sha256: String
        var acceptedAt: String
        var older: Set<String> = []
        /// The newest version of each file that was stored under the key, as far as their records are kept.
        var versions: [SourceReference: Version] = [:]
    }

    private struct Version: Sendable {
        var task: TaskGeneration
        var sha256: String
        var acceptedAt: String
    }

    /// A stored object that is gone or damaged, as its result named it.
    package struct Lost: Hashable, Sendable {
        package var task: TaskGeneration
        package var batch: ByteText
        package var destination: ByteText
        package var key: ByteText
        package var size: ByteCount
        package var acceptedAt: Timestamp
        /// What was found in its place.
        package var message: String

        /// The outcome that makes the task count as failed.
        package func outcome(at time: Timestamp) -> Outcome {
            Outcome(
                kind: .lost, task: task, batch: batch,
                destination: DestinationReference(target: .named(destination), key: key), attempts: 0, crashes: 0,
                size: size, failure: Failure(.integrity, message), worker: "audit", acceptedAt: acceptedAt,
                startedAt: time, finishedAt: time, objectMayExist: true)
        }
    }

    private struct Newest: Sendable {
        var task: TaskGeneration
        var acceptedAt: Timestamp
    }

    private enum Finding: Sendable {
        case right
        case gone(AuditReport.Corruption, Lost)
        case corrupted(AuditReport.Corruption, Lost)
        case stale(AuditReport.Corruption)
        case unreachable(AuditReport.Corruption)
        /// An upload to the key is under way, or its destination has not answered for others.
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

    /// What the log says about every key that has an object.
    private struct Survey {
        var expected: [Place: Expected] = [:]
        /// The task accepted last for a key, whether or not it was stored.
        var newest: [Place: Newest] = [:]
        /// Keys with an accepted task that has no result yet: their objects may change at any moment.
        var moving: Set<Place> = []
        /// The files of accepted tasks.
        var sources: [TaskIdentity: SourceReference] = [:]
    }

    /// Adds what the objects are to the report. Keys with an unfinished task are not checked, and counted.
    /// - Returns: the objects that are gone or damaged.
    @discardableResult
    package func run(_ report: inout AuditReport) async throws -> [Lost] {
        let survey = try await survey()
        let answers = Answers()
        var findings = try await check(Set(survey.expected.keys), survey, answers)
        // On a live log, an object may be replaced between the survey and its read: what seems wrong is checked
        // again after a second survey.
        let doubtful = Set(
            findings.filter { finding in
                switch finding.value {
                case .right, .notLookedAt: false
                default: true
                }
            }.keys)
        if !doubtful.isEmpty {
            let second = try await check(doubtful, try await self.survey(), answers)
            for place in doubtful {
                let finding = second[place] ?? .notLookedAt
                // Given up the second time, it is still one that did not answer.
                if case .notLookedAt = finding, case .unreachable = findings[place] { continue }
                findings[place] = finding
            }
        }
        var gone: [AuditReport.Corruption] = []
        var corrupted: [AuditReport.Corruption] = []
        var stale: [AuditReport.Corruption] = []
        var unreachable: [AuditReport.Corruption] = []
        var lost: [Lost] = []
        var (verified, notLookedAt) = (0, 0)
        for finding in findings.values {
            switch finding {
            case .right: verified += 1
            case .notLookedAt: notLookedAt += 1
            case .gone(let found, let result):
                gone.append(found)
                lost.append(result)
            case .corrupted(let found, let result):
                corrupted.append(found)
                lost.append(result)
            case .stale(let found): stale.append(found)
            case .unreachable(let found): unreachable.append(found)
            }
        }
        func sorted(_ found: [AuditReport.Corruption]) -> [AuditReport.Corruption] {
            found.sorted { ($0.destination, $0.key) < ($1.destination, $1.key) }
        }
        report.verified = verified
        report.notLookedAt = notLookedAt
        report.gone = sorted(gone)
        report.corrupted = sorted(corrupted)
        report.stale = sorted(stale)
        report.unreachable = sorted(unreachable)
        report.overwritten = sorted(
            survey.expected.flatMap { place, entry in
                // A new version of one file replaces the last one as it is meant to; another file does not.
                entry.versions.values.filter { $0.sha256 != entry.sha256 }.map {
                    AuditReport.Corruption(
                        task: $0.task.description, destination: place.destination.text, key: place.key.text,
                        expected: $0.sha256, found: entry.sha256)
                }
            })
        return lost
    }

    /// Reads tasks first, then results: a task without a result by then is unfinished.
    private func survey() async throws -> Survey {
        var survey = Survey()
        var open: [TaskGeneration: Place] = [:]
        for topic in [layout.tasks, layout.largeTasks] {
            for bounds in try await log.bounds(topic) {
                try await log.scan(bounds.partition, to: bounds.end) { records in
                    for stored in records {
                        guard let (place, entry, source) = Self.accepted(stored) else { continue }
                        open[entry.task] = place
                        survey.sources[entry.task.identity] = source
                        if let known = survey.newest[place],
                            (known.acceptedAt, known.task.generation) > (entry.acceptedAt, entry.task.generation)
                        {
                            continue
                        }
                        survey.newest[place] = entry
                    }
                }
            }
        }
        for bounds in try await log.bounds(layout.results) {
            try await log.scan(bounds.partition, to: bounds.end) { records in
                for stored in records {
                    guard let result = try? ResultRecord.read(stored.record) else { continue }
                    open[result.task] = nil
                    Self.note(result, in: &survey)
                }
            }
        }
        survey.moving = Set(open.values)
        return survey
    }

    private func check(
        _ places: Set<Place>, _ survey: Survey, _ answers: Answers
    ) async throws -> [Place: Finding] {
        try await withThrowingTaskGroup(of: (Place, Finding).self) { group in
            var findings: [Place: Finding] = [:]
            var running = 0
            for place in places {
                guard let wanted = survey.expected[place] else { continue }
                if survey.moving.contains(place) {
                    findings[place] = .notLookedAt
                    continue
                }
                if running == Self.width, let (place, finding) = try await group.next() {
                    findings[place] = finding
                    running -= 1
                }
                let newest = survey.newest[place]
                group.addTask {
                    if await answers.isGivenUp(place.destination) { return (place, .notLookedAt) }
                    let finding = try await check(place, wanted, newest: newest)
                    let hasAnswered = if case .unreachable = finding { false } else { true }
                    await answers.note(place.destination, hasAnswered: hasAnswered)
                    return (place, finding)
                }
                running += 1
            }
            for try await (place, finding) in group { findings[place] = finding }
            return findings
        }
    }

    private static func note(_ result: ResultDocument, in survey: inout Survey) {
        guard result.status == OutcomeKind.succeeded.rawValue, let sha256 = result.sha256 else { return }
        let place = Place(destination: result.destination, key: result.key)
        var entry = Expected(
            result: Lost(
                task: result.task, batch: result.batch, destination: result.destination, key: result.key,
                size: ByteCount(result.bytes), acceptedAt: TimeText.parse(result.acceptedAt)?.timestamp ?? .earliest,
                message: ""),
            sha256: sha256, acceptedAt: result.acceptedAt)
        // RFC 3339 in UTC with fixed digits: the order of the texts is the order of the times.
        func isNewer(_ left: (acceptedAt: String, task: TaskGeneration), than right: (String, TaskGeneration)) -> Bool {
            (left.acceptedAt, left.task.generation) > (right.0, right.1.generation)
        }
        var versions = survey.expected[place]?.versions ?? [:]
        if let source = survey.sources[result.task.identity],
            versions[source].map({ isNewer((result.acceptedAt, result.task), than: ($0.acceptedAt, $0.task)) }) ?? true
        {
            versions[source] = Version(task: result.task, sha256: sha256, acceptedAt: result.acceptedAt)
        }
        if let known = survey.expected[place] {
            let isOlder = isNewer(
                (known.acceptedAt, known.result.task), than: (entry.acceptedAt, entry.result.task))
            let (newer, older) = isOlder ? (known, entry) : (entry, known)
            entry = newer
            entry.older = known.older.union([older.sha256])
        }
        entry.versions = versions
        survey.expected[place] = entry
    }

    private static func accepted(_ stored: StoredRecord) -> (Place, Newest, SourceReference)? {
        guard let read = try? TaskRecord.read(stored.record) else { return nil }
        let destination = read.task.destination
        return (
            Place(destination: destination.label, key: destination.key),
            Newest(task: read.generation, acceptedAt: read.task.acceptedAt), read.task.source
        )
    }

    private func check(_ place: Place, _ wanted: Expected, newest: Newest?) async throws -> Finding {
        func corruption(_ found: String) -> AuditReport.Corruption {
            AuditReport.Corruption(
                task: wanted.result.task.description, destination: place.destination.text, key: place.key.text,
                expected: wanted.sha256,
                found: found
            )
        }
        func lost(_ message: String) -> Lost {
            var lost = wanted.result
            lost.message = message
            return lost
        }
        let isURL = place.destination.utf8.contains(UInt8(ascii: ":"))
        let destination: Destination
        do {
            destination = try destinations.resolve(isURL ? .url(place.destination) : .named(place.destination))
        } catch {
            return .unreachable(corruption(error.message))
        }
        var dialect = destination.type.readBack(key: place.key)
        var step = dialect.begin()
        while true {
            switch step {
            case .request(let request):
                do {
                    step = dialect.next(try await engine.run(request))
                } catch let failure as TransferError {
                    step = .failed(failure.classified)
                }
            case .place(let placement): step = dialect.next(try await store.place(placement))
            case .failed(let failure): return .unreachable(corruption(failure.message))
            case .absent:
                return .gone(corruption("nothing"), lost("an audit found no such object at the destination"))
            case .stored(let object):
                if object.sha256 == wanted.sha256 {
                    guard let newest, newest.task.identity != wanted.result.task.identity,
                        TimeText.format(newest.acceptedAt) > wanted.acceptedAt
                    else { return .right }
                    var found = corruption(object.sha256)
                    found.task = newest.task.description
                    found.expected = "the content of \(newest.task), which is not stored"
                    return .stale(found)
                }
                let found = corruption(object.sha256)
                if wanted.older.contains(object.sha256) { return .stale(found) }
                return .corrupted(
                    found, lost("an audit found another object at the destination, of SHA-256 \(object.sha256)"))
            }
        }
    }
}
