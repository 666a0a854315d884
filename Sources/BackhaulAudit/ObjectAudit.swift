package import BackhaulDestinations
package import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
package import BackhaulTransfer
internal import BackhaulUnits

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
        var task: String
        var identity: String
        var sha256: String
        var acceptedAt: String
        var generation: Int
        var older: Set<String> = []
    }

    private struct Newest: Sendable {
        var task: TaskGeneration
        var acceptedAt: Timestamp
    }

    private enum Finding: Sendable {
        case right
        case corrupted(AuditReport.Corruption)
        case stale(AuditReport.Corruption)
    }

    /// What the log says about every key that has an object.
    private struct Survey {
        var expected: [Place: Expected] = [:]
        /// The task accepted last for a key, whether or not it was stored.
        var newest: [Place: Newest] = [:]
        /// Keys with an accepted task that has no result yet: their objects may change at any moment.
        var moving: Set<Place> = []
    }

    /// Adds `verified`, `corrupted` and `stale` to the report. Keys with an unfinished task are not checked.
    package func run(_ report: inout AuditReport) async throws {
        let survey = try await survey()
        let first = try await check(Set(survey.expected.keys), survey)
        var verified = first.count { if case .right = $0.value { true } else { false } }
        // On a live log, an object may be replaced between the survey and its read: what seems wrong is checked
        // again after a second survey.
        let doubtful = Set(first.filter { if case .right = $0.value { false } else { true } }.keys)
        var corrupted: [AuditReport.Corruption] = []
        var stale: [AuditReport.Corruption] = []
        if !doubtful.isEmpty {
            for finding in try await check(doubtful, try await self.survey()).values {
                switch finding {
                case .right: verified += 1
                case .corrupted(let found): corrupted.append(found)
                case .stale(let found): stale.append(found)
                }
            }
        }
        report.verified = verified
        report.corrupted = corrupted.sorted { ($0.destination, $0.key) < ($1.destination, $1.key) }
        report.stale = stale.sorted { ($0.destination, $0.key) < ($1.destination, $1.key) }
    }

    /// Reads tasks first, then results: a task without a result by then is unfinished.
    private func survey() async throws -> Survey {
        var survey = Survey()
        var open: [TaskGeneration: Place] = [:]
        for topic in [layout.tasks, layout.largeTasks] {
            for bounds in try await log.bounds(topic) {
                try await log.scan(bounds.partition, to: bounds.end) { records in
                    for stored in records {
                        guard let (place, entry) = Self.accepted(stored) else { continue }
                        open[entry.task] = place
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
                    Self.note(result, in: &survey.expected)
                }
            }
        }
        survey.moving = Set(open.values)
        return survey
    }

    private func check(_ places: Set<Place>, _ survey: Survey) async throws -> [Place: Finding] {
        try await withThrowingTaskGroup(of: (Place, Finding).self) { group in
            var findings: [Place: Finding] = [:]
            var running = 0
            for place in places where !survey.moving.contains(place) {
                guard let wanted = survey.expected[place] else { continue }
                if running == Self.width, let (place, finding) = try await group.next() {
                    findings[place] = finding
                    running -= 1
                }
                let newest = survey.newest[place]
                group.addTask { (place, try await check(place, wanted, newest: newest)) }
                running += 1
            }
            for try await (place, finding) in group { findings[place] = finding }
            return findings
        }
    }

    private static func note(_ result: ResultDocument, in expected: inout [Place: Expected]) {
        guard result.status == OutcomeKind.succeeded.rawValue, let sha256 = result.sha256 else { return }
        let place = Place(destination: result.destination, key: result.key)
        var entry = Expected(
            task: result.task.description, identity: result.task.identity.description, sha256: sha256,
            acceptedAt: result.acceptedAt, generation: result.generation)
        if var known = expected[place] {
            // RFC 3339 in UTC with fixed digits: the order of the texts is the order of the times.
            if (known.acceptedAt, known.generation) > (entry.acceptedAt, entry.generation) {
                known.older.insert(entry.sha256)
                expected[place] = known
                return
            }
            entry.older = known.older.union([known.sha256])
        }
        expected[place] = entry
    }

    private static func accepted(_ stored: StoredRecord) -> (Place, Newest)? {
        guard let read = try? TaskRecord.read(stored.record) else { return nil }
        let destination = read.task.destination
        return (
            Place(destination: destination.label, key: destination.key),
            Newest(task: read.generation, acceptedAt: read.task.acceptedAt)
        )
    }

    private func check(_ place: Place, _ wanted: Expected, newest: Newest?) async throws -> Finding {
        func corruption(_ found: String) -> AuditReport.Corruption {
            AuditReport.Corruption(
                task: wanted.task, destination: place.destination.text, key: place.key.text, expected: wanted.sha256,
                found: found
            )
        }
        let isURL = place.destination.utf8.contains(UInt8(ascii: ":"))
        let destination: Destination
        do {
            destination = try destinations.resolve(isURL ? .url(place.destination) : .named(place.destination))
        } catch {
            return .corrupted(corruption("unreadable: \(error.message)"))
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
            case .failed(let failure): return .corrupted(corruption("unreadable: \(failure.message)"))
            case .stored(let object):
                if object.sha256 == wanted.sha256 {
                    guard let newest, newest.task.identity.description != wanted.identity,
                        TimeText.format(newest.acceptedAt) > wanted.acceptedAt
                    else { return .right }
                    var found = corruption(object.sha256)
                    found.task = newest.task.description
                    found.expected = "the content of \(newest.task), which is not stored"
                    return .stale(found)
                }
                return wanted.older.contains(object.sha256)
                    ? .stale(corruption(object.sha256)) : .corrupted(corruption(object.sha256))
            }
        }
    }
}
