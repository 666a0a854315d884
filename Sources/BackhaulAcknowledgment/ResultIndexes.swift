package import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
internal import Dispatch
internal import Foundation
package import Logging
internal import Synchronization

/// The indexes of all results partitions of a process.
///
/// A process keeps all of them up to date, also those of partitions that others own, so a partition that it takes over needs
/// only what has come since: from the pages that its view reads, or by reading the others' partitions itself. With a folder
/// the next process goes on with them; without one their files have no names and end with the process.
package final class ResultIndexes: Sendable {
    private let folder: String
    /// Whether a view tells of all results.
    private let isFed: Bool
    /// Held for as long as the indexes are kept.
    private let lock: Int32?
    /// Whether they are kept for the next process.
    package let isKept: Bool
    private let log: any MessageLog
    private let layout: TopicLayout
    private let logger: Logger
    private let state = Mutex<[Int: ResultIndex]>([:])
    /// Raised when an index has something to write.
    private let work = Signal()
    private let queue = DispatchQueue(label: "backhaul.results.index")
    /// Indexes that a page was refused by: it did not follow on what they had.
    private let behind = Mutex<Set<Int>>([])
    /// Partitions that this process owns: it writes their results and need not read them.
    private let held = Mutex<Set<Int>>([])
    private let lookEvery: Duration

    /// - Parameters:
    ///   - folder: where the indexes are kept; nil for none. One process at a time keeps them there: those of another end
    ///     with it.
    ///   - isFed: whether a view tells of all results (`observe`); else the results of others are read here.
    ///   - lookEvery: between two looks at what others have recorded.
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
                "another process keeps its index of results here; that of this one ends with it",
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
            throw LogError.unusable(folder: folder, reason: "the index of results cannot be made: \(error)")
        }
    }

    /// Takes the folder; nil when another process has it.
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

    /// Brings all indexes up to the results of now; before the process joins its group, so that no partition waits for it.
    /// - Throws: `LogError`.
    func warmUp() async throws {
        let all = try await log.bounds(layout.results)
        _ = try await atOnce(Array(all.indices), Self.readAtOnce) { try await self.catchUp(all[$0], to: all[$0].end) }
    }

    /// Each has a page in memory.
    private static let readAtOnce = 8
    private static let askAtOnce = 256

    /// Brings the indexes of partitions that this process is to own up to everything that is decided in them by now.
    ///
    /// Up to what is *decided*, not to what can be read at once: a killed acknowledger A may have left a transaction open
    /// at offset 100, its successor B committed results at 101..200 and left. The read_committed end is 100 until A's
    /// transaction times out; whoever takes over from B and reads only so far would not know what B recorded.
    ///
    /// An index that was ahead of the end before it was asked for is of another log and is begun again: here, where nobody
    /// decides by it yet, and nowhere else.
    /// - Throws: `LogError`.
    func takeOver(_ numbers: [Int]) async throws -> [Int: ResultIndex] {
        let known = Dictionary(numbers.map { ($0, index($0).next) }) { first, _ in first }
        let ends = try await atOnce(numbers, Self.askAtOnce) { number in
            let partition = TopicPartition(topic: self.layout.results, partition: number)
            let end = try await self.log.decided(partition)
            guard let next = known[number], next > end else { return end }
            self.logger.warning(
                "the index of results is of another log and is made again",
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

    /// Does something for each partition, for several at once: it waits for the brokers most of the time.
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

    /// Reads what an index lacks up to an end. The end may be an old one, and another reader further on: it takes nothing back.
    func catchUp(_ bounds: PartitionBounds, to end: Int64) async throws {
        let index = index(bounds.partition.partition)
        index.forget(before: bounds.earliest)
        // What is gone from the log has no result any more.
        if index.next < bounds.earliest { _ = index.take([], from: index.next, next: bounds.earliest) }
        var from = index.next
        guard from < end else { return }
        try await log.scan(bounds.partition, from: from, to: end) { records in
            guard let last = records.last else { return }
            let results = records.compactMap { stored -> (task: TaskGeneration, offset: Int64, isCancel: Bool)? in
                guard let document = try? ResultRecord.read(stored.record) else { return nil }
                return (document.task, stored.position.offset, document.status == OutcomeKind.cancelled.rawValue)
            }
            let next = last.position.offset + 1
            guard index.take(results, from: from, next: next) else { throw LogError.unavailable(Self.begunAgain) }
            from = next
            if index.isFull { try await tidy(index) }
        }
        guard index.take([], from: from, next: end) else { throw LogError.unavailable(Self.begunAgain) }
    }

    private static let begunAgain = "the index of results was begun again meanwhile"

    /// A page of results that a view has read.
    package func observe(
        _ results: [(task: TaskGeneration, offset: Int64, isCancel: Bool)], in number: Int, from: Int64, next: Int64
    ) {
        let index = index(number)
        if !index.take(results, from: from, next: next) { behind.withLock { _ = $0.insert(number) } }
        if index.isFull || !behind.withLock({ $0.isEmpty }) { work.raise() }
    }

    /// A result that this process has just written.
    /// - Parameter offset: where it is; nil where the log does not tell.
    func insert(_ task: TaskGeneration, in number: Int, at offset: Int64?, isCancel: Bool) {
        let index = index(number)
        index.insert(task, at: offset, isCancel: isCancel)
        if index.isFull { work.raise() }
    }

    // MARK: Partitions of others

    /// This process owns the partition from here on.
    func hold(_ number: Int) { held.withLock { _ = $0.insert(number) } }

    /// It does not any more.
    func letGo(_ number: Int) { held.withLock { _ = $0.remove(number) } }

    /// Reads what others record, until the calling task is cancelled. Now and then: to follow them closely would keep all
    /// their partitions open, and a takeover reads a few seconds' results in no time.
    private func follow() async {
        while true {
            do {
                try await readOthers()
            } catch {
                // The next look finds it where it is.
                logger.debug("results of others were not read", metadata: ["error": "\(error)"])
            }
            do { try await ContinuousClock().sleep(for: lookEvery) } catch { return }
        }
    }

    private func readOthers() async throws {
        try await read(state.withLock { Set($0.keys) }.subtracting(held.withLock { $0 }))
    }

    /// Reads what is new in some partitions.
    private func read(_ numbers: Set<Int>) async throws {
        guard !numbers.isEmpty else { return }
        for bounds in try await log.bounds(layout.results) where numbers.contains(bounds.partition.partition) {
            try await catchUp(bounds, to: bounds.end)
        }
    }

    // MARK: Writing

    /// Lets results age out that the log no longer holds.
    private func age() async throws {
        let unplaced = state.withLock { $0.mapValues(\.unplaced) }
        for bounds in try await log.bounds(layout.results) {
            let number = bounds.partition.partition
            guard let index = state.withLock({ $0[number] }) else { continue }
            index.place(unplaced[number] ?? 0, before: bounds.end)
            index.forget(before: bounds.earliest)
        }
    }

    /// Keeps the indexes up to date until the calling task is cancelled; then writes what is in memory, for the next process.
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
                logger.warning("the index of results was not brought up to date", metadata: ["error": "\(error)"])
                // It goes on in memory, and is tried again with the next results.
            }
        }
        guard isKept else { return }
        for index in state.withLock({ Array($0.values) }) { try? await tidy(index, isLast: true) }
    }

    private func tidy(_ index: ResultIndex, isLast: Bool = false) async throws {
        try await onQueue { try index.tidy(isLast: isLast) }
    }

    /// On a thread that may wait for the disk, one after the other: files change in one place.
    private func onQueue(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
