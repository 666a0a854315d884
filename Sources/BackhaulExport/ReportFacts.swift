package import BackhaulDomain
package import BackhaulRecords
package import BackhaulUnits

/// What a report tells, gathered from results. Pure; memory grows with the results by some 40 bytes each.
package struct ReportFacts: Sendable {
    /// Which results count.
    package struct Scope: Hashable, Sendable {
        package var batch: ByteText?
        package var tenant: ByteText?
        /// Inclusive, by the end of the result.
        package var since: Timestamp?
        /// Exclusive.
        package var until: Timestamp?

        package init(
            batch: ByteText? = nil, tenant: ByteText? = nil, since: Timestamp? = nil, until: Timestamp? = nil
        ) {
            self.batch = batch
            self.tenant = tenant
            self.since = since
            self.until = until
        }
    }

    struct Cause: Hashable {
        var destination: ByteText
        var kind: String
        var httpStatus: Int?
    }

    struct Failure {
        var tasks = 0
        var size = ByteCount.zero
        var example: ByteText
        var message: String
    }

    struct Destination {
        var stored = 0
        var failed = 0
        var size = ByteCount.zero
        var sent = ByteCount.zero
        var uploading: Int64 = 0
        /// From acceptance until the file was stored, in milliseconds.
        var ages: [Int64] = []
    }

    struct Slow {
        var key: ByteText
        var destination: ByteText
        var age: Int64
        var attempts: Int
        var size: ByteCount
    }

    struct Span {
        var accepted: Int64
        var ended: Int64
        var size: UInt64
        var isStored: Bool
        /// Whether it is the first generation: later ones do not make a task older.
        var isFirst: Bool
    }

    let scope: Scope
    private(set) var spans: [Span] = []
    private(set) var destinations: [ByteText: Destination] = [:]
    private(set) var retries: [Cause: Int] = [:]
    private(set) var statuses: [String: Int] = [:]
    private(set) var slowest: [Slow] = []
    private(set) var repeated = ByteCount.zero
    private(set) var resumed = ByteCount.zero
    private(set) var known = 0
    /// Tasks whose last generation has failed or expired.
    private var lost: [TaskIdentity: (cause: Cause, size: ByteCount, key: ByteText, message: String, generation: Int)] =
        [:]
    private var stored: [TaskIdentity: Int] = [:]

    private static let mostSlow = 10
    private static let mostCauses = 1_000

    package init(_ scope: Scope) { self.scope = scope }

    package var isEmpty: Bool { spans.isEmpty }

    package mutating func add(_ result: ResultDocument) {
        guard scope.batch == nil || result.batch == scope.batch, scope.tenant == nil || result.tenant == scope.tenant,
            let ended = TimeText.parse(result.finishedAt)?.timestamp,
            let accepted = TimeText.parse(result.acceptedAt)?.timestamp
        else { return }
        if let since = scope.since, ended < since { return }
        if let until = scope.until, ended >= until { return }
        let isStored = result.status == OutcomeKind.succeeded.rawValue
        let age = max(0, (ended - accepted).inMilliseconds)
        spans.append(
            Span(
                accepted: accepted.milliseconds, ended: ended.milliseconds, size: result.bytes, isStored: isStored,
                isFirst: result.generation == 0))
        statuses[result.status, default: 0] += 1
        repeated += ByteCount(result.bytesRepeated ?? 0)
        resumed += ByteCount(result.bytesResumed ?? 0)
        if result.wasStored == true { known += 1 }
        for retry in result.retries ?? [] {
            count(Cause(destination: result.destination, kind: retry.kind, httpStatus: retry.httpStatus))
        }
        var destination = destinations.removeValue(forKey: result.destination) ?? Destination()
        if isStored {
            destination.stored += 1
            destination.size += ByteCount(result.bytes)
            destination.sent += ByteCount(result.bytesSent ?? 0)
            destination.uploading = destination.uploading.addingClamped(result.uploadMs ?? 0)
            destination.ages.append(age)
            rank(
                Slow(
                    key: result.key, destination: result.destination, age: age, attempts: result.attempts,
                    size: ByteCount(result.bytes)))
        } else if result.status == OutcomeKind.failed.rawValue {
            destination.failed += 1
        }
        destinations[result.destination] = destination
        note(result, isStored: isStored)
    }

    private mutating func note(_ result: ResultDocument, isStored: Bool) {
        let task = result.task.identity
        if isStored {
            if let before = lost[task], before.generation < result.generation { lost[task] = nil }
            if result.generation > 0 { stored[task] = max(stored[task] ?? 0, result.generation) }
            return
        }
        guard ["failed", "expired"].contains(result.status), stored[task] ?? -1 < result.generation,
            lost[task]?.generation ?? -1 <= result.generation
        else { return }
        lost[task] = (
            Cause(
                destination: result.destination, kind: result.failure?.kind ?? result.status,
                httpStatus: result.failure?.httpStatus), ByteCount(result.bytes), result.key,
            result.failure?.message ?? "its deadline passed", result.generation
        )
    }

    private mutating func count(_ cause: Cause) {
        guard retries[cause] != nil || retries.count < Self.mostCauses else { return }
        retries[cause, default: 0] += 1
    }

    private mutating func rank(_ slow: Slow) {
        guard slowest.count < Self.mostSlow || slow.age > slowest.last?.age ?? 0 else { return }
        slowest.insert(slow, at: slowest.firstIndex { $0.age < slow.age } ?? slowest.count)
        if slowest.count > Self.mostSlow { slowest.removeLast() }
    }

    /// What needs a person: tasks that are not stored, by cause, most first.
    var failures: [(cause: Cause, failure: Failure)] {
        var groups: [Cause: Failure] = [:]
        for one in lost.values.sorted(by: { $0.key < $1.key }) {
            groups[one.cause, default: Failure(example: one.key, message: one.message)].tasks += 1
            if let size = groups[one.cause]?.size { groups[one.cause]?.size = size + one.size }
        }
        return groups.map { ($0.key, $0.value) }.sorted {
            ($1.1.tasks, $0.0.destination.text, $0.0.kind) < ($0.1.tasks, $1.0.destination.text, $1.0.kind)
        }
    }

    /// The number below which a share of the sorted numbers lies, between two of them in a straight line, as SQL's
    /// percentile_cont.
    static func quantile(_ sorted: [Int64], _ share: Double) -> Double? {
        guard let last = sorted.indices.last else { return nil }
        let place = Double(last) * share
        let low = Int(place)
        let high = min(low + 1, last)
        return Double(sorted[low]) + Double(sorted[high] - sorted[low]) * (place - Double(low))
    }
}
