internal import BackhaulDomain
internal import BackhaulView

/// Keeps overviews as long as twenty times what they cost: those who watch a fleet take at most a twentieth of a core
/// of its acknowledger, however many they are. While one caller makes an answer, others get the one before.
actor OverviewCache {
    struct Question: Hashable, Sendable {
        var tenant: ByteText?
        var batch: ByteText?
    }

    private struct Entry {
        var overview: Overview
        var validUntil: ContinuousClock.Instant
    }

    private let clock: @Sendable () -> ContinuousClock.Instant
    private var entries: [Question: Entry] = [:]
    private var renewing: Set<Question> = []
    private static let share = 20
    private static let longest = Duration.seconds(30)
    private static let most = 1_000

    init(clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) { self.clock = clock }

    func answer(
        _ question: Question, prepare: @Sendable () async -> Void, _ make: @Sendable () async throws -> Overview
    ) async throws -> Overview {
        if let entry = entries[question], entry.validUntil > clock() || renewing.contains(question) {
            return entry.overview
        }
        let isFirst = renewing.insert(question).inserted
        defer { if isFirst { renewing.remove(question) } }
        // A wait is not a cost.
        await prepare()
        let start = clock()
        let overview = try await make()
        let now = clock()
        if entries.count >= Self.most { entries = entries.filter { $0.value.validUntil > now } }
        if entries.count < Self.most {
            entries[question] = Entry(
                overview: overview, validUntil: now + min(Self.longest, (now - start) * Self.share))
        }
        return overview
    }
}
