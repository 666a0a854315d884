package import BackhaulDomain
package import BackhaulLog
package import BackhaulRecords
internal import Dispatch
internal import Foundation
package import Logging
internal import Synchronization

/// The indexes of all results partitions, in one process.
///
/// A process keeps all of them up to date, including those of partitions that other processes own, from the pages
/// that its view reads or by reading those partitions itself. So a partition that it acquires needs only the latest
/// results. With a folder, the next process reuses the indexes; without one, their files are unlinked and end with
/// the process.
package final class ResultIndexes: Sendable {
    private let folder: String
    /// Whether a view passes all results to `observe`.
    private let isFed: Bool
    /// The descriptor of the folder's lock file; nil when the indexes are not kept.
    private let lock: Int32?
    /// Whether the indexes are kept for the next process.
    package let isKept: Bool
    private let log: any MessageLog
    private let layout: TopicLayout
    private let logger: Logger
    private let state = Mutex<[Int: ResultIndex]>([:])
    /// Raised when an index has work to do.
    private let work = Signal()
    private let queue = DispatchQueue(label: "backhaul.results.index")
    /// Indexes that refused a page because there was a gap before it.
    private let behind = Mutex<Set<Int>>([])
    /// Partitions that this process owns. It writes their results and does not need to read them.
    private let held = Mutex<Set<Int>>([])
    private let lookEvery: Duration

    /// - Parameters:
    ///   - folder: where the indexes are kept; nil for none. One process at a time uses the folder; the indexes of
    ///     any other end with it.
    ///   - isFed: whether a view passes all results to `observe`; if false, the results of other processes are read
    ///     here.
    ///   - lookEvery: the interval between two reads of the results of other processes.
    /// - Throws: `LogError.unusable`.
    package init(
        folder: String?, isFed: Bool, log: any MessageLog, layout: TopicLayout, lookEvery: Duration = .seconds(5),
        logger: Logger
    ) throws {
        self.isFed = isFed
        self.lookEvery = lookEvery
        let temporary = NSTemporaryDirectory()
        let own = try folder.flatMap { try Self.lock($0) }
        if let folder, own == nil {
            logger.warning(
                "another process uses this folder; the index of results of this process is not kept",
                metadata: ["folder": "\(folder)"])
        }
        lock = own
        isKept = own != nil
        self.folder = own == nil ? temporary : folder ?? temporary
        guard access(self.folder, W_OK) == 0 else {
            throw LogError.unusable(
                folder: self.folder,
                reason:
                    "the index of results cannot be written: \(String(cString: strerror(errno))); set TMPDIR or --data")
        }
        self.log = log
        self.layout = layout
        self.logger = logger
    }

    private static func make(_ folder: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw LogError.unusable(folder: folder, reason: "it cannot be created: \(String(cString: strerror(errno)))")
        }
    }

    /// Locks the folder and returns the descriptor of the lock; nil when another process holds it.
    private static func lock(_ folder: String) throws -> Int32? {
        try make(folder)
        let descriptor = open(folder + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw LogError.unusable(folder: folder, reason: String(cString: strerror(errno)))
        }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
        close(descriptor)
        return nil
    }

    deinit {
        if let lock { close(lock) }
    }

    func index(_ number: Int) -> ResultIndex {
        state.withLock { indexes in
            if let index = indexes[number] { return index }
            let made = ResultIndex(folder: folder, number: number, isKept: isKept)
            indexes[number] = made
            return made
        }
    }

    // MARK: Reading

    /// Brings all indexes up to date. Called before the process joins its group, so that no partition waits for it.
    /// - Throws: `LogError`.
    func warmUp() async throws {
        let all = try await log.bounds(layout.results)
        _ = try await atOnce(Array(all.indices), Self.readAtOnce) { try await self.catchUp(all[$0], to: all[$0].end) }
    }

    /// The number of partitions that are read at once. Each holds one page in memory.
    private static let readAtOnce = 8
    private static let askAtOnce = 256

    /// Brings the indexes of partitions that this process acquires up to everything that is decided in them.
    ///
    /// It reads up to what is *decided*, not to what is readable now:
    /// 1. A killed acknowledger A left a transaction open at offset 100.
    /// 2. Its successor B committed results at 101..200 and left.
    /// 3. The read_committed end is 100 until A's transaction times out. A successor of B that reads only up to
    ///    there does not know what B recorded.
    ///
    /// An index whose `next`, read before the end, is beyond that end was built from another log and is reset. Only
    /// here, where no decision uses it yet.
    /// - Throws: `LogError`.
    func takeOver(_ numbers: [Int]) async throws -> [Int: ResultIndex] {
        let known = Dictionary(numbers.map { ($0, index($0).next) }) { first, _ in first }
        let ends = try await atOnce(numbers, Self.askAtOnce) { number in
            let partition = TopicPartition(topic: self.layout.results, partition: number)
            let end = try await self.log.decided(partition)
            guard let next = known[number], next > end else { return end }
            self.logger.warning(
                "the index of results was built from another log; rebuilding it",
                metadata: ["partition": "\(partition)", "index": "\(next)", "end": "\(end)"])
            let index = self.index(number)
            try await self.onQueue { index.reset() }
            return end
        }
        let all = Dictionary(try await log.bounds(layout.results).map { ($0.partition.partition, $0) }) { first, _ in
            first
        }
        return try await atOnce(numbers, Self.readAtOnce) { number in
            guard let bounds = all[number], let end = ends[number] else {
                throw LogError.unknownPartition(TopicPartition(topic: self.layout.results, partition: number))
            }
            try await self.catchUp(bounds, to: end)
            return self.index(number)
        }
    }

    /// Runs `body` for each partition, at most `limit` at a time: it mostly waits for the brokers.
    private func atOnce<Value: Sendable>(
        _ numbers: [Int], _ limit: Int, _ body: @escaping @Sendable (Int) async throws -> Value
    ) async throws -> [Int: Value] {
        try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            var found: [Int: Value] = [:]
            for (count, number) in numbers.enumerated() {
                if count >= limit, let (done, value) = try await group.next() { found[done] = value }
                group.addTask { (number, try await body(number)) }
            }
            for try await (done, value) in group { found[done] = value }
            return found
        }
    }

    /// Reads the results that an index lacks before `end`. If another reader is already beyond an old `end`, the
    /// index does not go back.
    func catchUp(_ bounds: PartitionBounds, to end: Int64) async throws {
        let index = index(bounds.partition.partition)
        index.forget(before: bounds.earliest)
        // Results that the log no longer holds do not count.
        if index.next < bounds.earliest { _ = index.take([], from: index.next, next: bounds.earliest) }
        var from = index.next
        guard from < end else { return }
        try await log.scan(bounds.partition, from: from, to: end) { records in
            guard let last = records.last else { return }
            let results = records.compactMap { stored -> IndexedResult? in
                let offset = stored.position.offset
                if let (document, fingerprint) = ConflictRecord.read(stored.record) {
                    return IndexedResult(
                        task: ConflictRecord.marker(document.task, fingerprint), offset: offset, isCancel: false)
                }
                guard let document = try? ResultRecord.read(stored.record) else { return nil }
                return IndexedResult(
                    task: document.task, offset: offset,
                    isCancel: document.status == OutcomeKind.cancelled.rawValue,
                    content: ContentMark(ResultRecord.fingerprint(stored.record)))
            }
            let next = last.position.offset + 1
            guard index.take(results, from: from, next: next) else { throw LogError.unavailable(Self.begunAgain) }
            from = next
            if index.isFull { try await tidy(index) }
        }
        guard index.take([], from: from, next: end) else { throw LogError.unavailable(Self.begunAgain) }
    }

    private static let begunAgain = "the index of results was reset during the read"

    /// Adds a page of results that a view has read.
    /// - Parameters:
    ///   - from: the offset that the page was read from.
    ///   - next: the offset after the page.
    package func observe(
        _ results: [IndexedResult], in number: Int, from: Int64, next: Int64
    ) {
        let index = index(number)
        if !index.take(results, from: from, next: next) { behind.withLock { _ = $0.insert(number) } }
        if index.isFull || !behind.withLock({ $0.isEmpty }) { work.raise() }
    }

    /// Adds a result that this process has just written.
    /// - Parameter offset: its offset; nil where the log does not return it.
    func insert(
        _ task: TaskGeneration, in number: Int, at offset: Int64?, isCancel: Bool, content: ContentMark = .unknown
    ) {
        let index = index(number)
        index.insert(task, at: offset, isCancel: isCancel, content: content)
        if index.isFull { work.raise() }
    }

    // MARK: Partitions of others

    /// Records that this process owns the partition.
    func hold(_ number: Int) { held.withLock { _ = $0.insert(number) } }

    /// Records that this process no longer owns the partition.
    func letGo(_ number: Int) { held.withLock { _ = $0.remove(number) } }

    /// Reads the results of other processes every `lookEvery`, until the calling task is cancelled. Following them
    /// closely would keep all their partitions open, and the results of a few seconds are read quickly at a
    /// takeover.
    private func follow() async {
        while true {
            do {
                try await readOthers()
            } catch {
                // The next read continues from the same offset.
                logger.debug("the results of other processes could not be read", metadata: ["error": "\(error)"])
            }
            do { try await ContinuousClock().sleep(for: lookEvery) } catch { return }
        }
    }

    private func readOthers() async throws {
        try await read(state.withLock { Set($0.keys) }.subtracting(held.withLock { $0 }))
    }

    /// Reads the new results of some partitions.
    private func read(_ numbers: Set<Int>) async throws {
        guard !numbers.isEmpty else { return }
        for bounds in try await log.bounds(layout.results) where numbers.contains(bounds.partition.partition) {
            try await catchUp(bounds, to: bounds.end)
        }
    }

    // MARK: Writing

    /// Ages out results that the log no longer holds.
    private func age() async throws {
        let unplaced = state.withLock { $0.mapValues(\.unplaced) }
        for bounds in try await log.bounds(layout.results) {
            let number = bounds.partition.partition
            guard let index = state.withLock({ $0[number] }) else { continue }
            index.place(unplaced[number] ?? 0, before: bounds.end)
            index.forget(before: bounds.earliest)
        }
    }

    /// Keeps the indexes up to date until the calling task is cancelled. Then writes the entries in memory for the
    /// next process.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.write() }
            if !isFed { group.addTask { await self.follow() } }
        }
    }

    private func write() async {
        while !Task.isCancelled {
            await work.wait(for: .seconds(60))
            let late = behind.withLock { late in
                defer { late = [] }
                return late
            }
            do {
                try await age()
                try await read(late)
                for index in state.withLock({ Array($0.values) }) where index.isFull { try await tidy(index) }
            } catch {
                behind.withLock { $0.formUnion(late) }
                if error is CancellationError { break }
                logger.warning("the index of results could not be brought up to date", metadata: ["error": "\(error)"])
                // The index continues in memory. The next results trigger a retry.
            }
        }
        guard isKept else { return }
        for index in state.withLock({ Array($0.values) }) { try? await tidy(index, isLast: true) }
    }

    private func tidy(_ index: ResultIndex, isLast: Bool = false) async throws {
        try await onQueue { try index.tidy(isLast: isLast) }
    }

    /// Runs `body` on a serial queue whose thread may wait for the disk, so that files change in one place.
    private func onQueue(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
