internal import BackhaulDomain
internal import BackhaulRecords
internal import BackhaulReplay
internal import BackhaulUnits
internal import HTTPTypes

/// A selection of dead letters and what is to be done with them, as a caller states it.
struct LetterQuery: Decodable {
    var action = ReplayRecord.Action.replay
    var selection: LetterSelection
    var pace = ReplayPace()
    var reason = ""
    var destination: ByteText?
    var isDryRun = true

    private static let names = [
        "action", "dryRun", "reason", "destination", "canary", "canaryWaitSeconds", "rate", "rampSeconds", "stopAt",
        "batch", "taskIds", "destinations", "failures", "httpStatuses", "keyPattern", "since", "until", "minAttempts",
        "maxAttempts", "worker", "issue",
    ]

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: AnyKey.self)
        try AnyKey.check(container, Self.names, in: "the replay")
        func value<Value: Decodable>(_ name: String, _ type: Value.Type) throws -> Value? {
            try container.decodeIfPresent(type, forKey: AnyKey(name))
        }
        func fail(_ name: String, _ problem: String) -> DecodingError {
            .dataCorrupted(.init(codingPath: [AnyKey(name)], debugDescription: problem))
        }
        func bounded(_ name: String, _ text: String?, _ limit: Int) throws -> String? {
            guard (text?.utf8.count ?? 0) <= limit else {
                throw Problem(.unprocessableContent, "too-long", "\(name) has more than \(limit) bytes")
            }
            return text
        }
        if let text = try value("action", String.self) {
            guard let action = ReplayRecord.Action(rawValue: text) else {
                throw fail("action", "it is replay or discard")
            }
            self.action = action
        }
        isDryRun = try value("dryRun", Bool.self) ?? true
        reason = try bounded("reason", value("reason", String.self), ReplayRecord.longestReason) ?? ""
        destination = try value("destination", ByteText.self)
        selection = LetterSelection(batch: try value("batch", ByteText.self))
        do {
            try TaskRules.checkBatch(selection.batch ?? "")
        } catch {
            throw Problem(.unprocessableContent, error.code, error.message)
        }
        let lists = (
            try value("destinations", [ByteText].self) ?? [], try value("failures", [String].self) ?? [],
            try value("httpStatuses", [String].self) ?? []
        )
        guard lists.0.count <= 100, lists.1.count <= 100, lists.2.count <= 100 else {
            throw fail("destinations", "a list has at most 100 entries")
        }
        let ids = try value("taskIds", [ByteText].self) ?? []
        guard ids.count <= LetterSelection.mostTasks else {
            throw fail("taskIds", "it has at most \(LetterSelection.mostTasks) ids")
        }
        selection.taskIDs = Set(ids)
        selection.destinations = lists.0
        selection.failures = lists.1
        selection.statuses = try lists.2.map { text in
            guard let range = StatusRange.parse(text) else {
                throw fail("httpStatuses", "give statuses such as 503, 5xx or 500-599")
            }
            return range
        }
        if let text = try value("keyPattern", String.self) {
            guard let pattern = KeyPattern(text) else {
                throw Problem(.unprocessableContent, "too-long", "keyPattern has 1 to \(KeyPattern.longest) bytes")
            }
            selection.keyPattern = pattern
        }
        func time(_ name: String) throws -> Timestamp? {
            guard let text = try value(name, String.self) else { return nil }
            guard let time = TimeText.parse(text) else {
                throw Problem(
                    .unprocessableContent, "bad-time", "\(name) is not an RFC 3339 time between 1677 and 2262")
            }
            return time.timestamp
        }
        selection.since = try time("since")
        selection.until = try time("until")
        let (least, most) = (
            try value("minAttempts", Int.self) ?? 0, try value("maxAttempts", Int.self) ?? Domain.counts.upperBound
        )
        guard Domain.counts.contains(least), Domain.counts.contains(most), least <= most else {
            throw Problem(.unprocessableContent, "bad-range", "minAttempts and maxAttempts are not a range")
        }
        selection.attempts = least...most
        selection.worker = try bounded("worker", value("worker", String.self), Domain.longestLabel)
        selection.issue = try bounded("issue", value("issue", String.self), Domain.longestLabel)
        for (name, value) in [("worker", selection.worker), ("issue", selection.issue)] where value?.isEmpty == true {
            throw Problem(.unprocessableContent, "empty", "\(name) is empty; leave it out to take any")
        }
        try readPace(value, fail)
    }

    private mutating func readPace(
        _ value: (String, Double.Type) throws -> Double?, _ fail: (String, String) -> DecodingError
    ) throws {
        func seconds(_ name: String) throws -> Duration? {
            guard let seconds = try value(name, Double.self) else { return nil }
            guard seconds >= 0, seconds <= Domain.longestWait.inSeconds else { throw fail(name, "it is out of range") }
            return .seconds(seconds)
        }
        if let canary = try value("canary", Double.self) {
            guard canary >= 0, canary <= Double(Domain.counts.upperBound), canary == canary.rounded() else {
                throw fail("canary", "it is not a number of tasks")
            }
            pace.canary = Int(canary)
        }
        if let rate = try value("rate", Double.self) {
            guard rate > 0, rate.isFinite else { throw fail("rate", "it is not above 0") }
            pace.rate = rate
        }
        pace.patience = try seconds("canaryWaitSeconds") ?? pace.patience
        pace.ramp = try seconds("rampSeconds") ?? .zero
        if let share = try value("stopAt", Double.self) {
            guard share >= 0, share <= 1 else { throw fail("stopAt", "it is a share between 0 and 1") }
            pace.stopShare = share == 0 ? nil : share
        }
    }
}
