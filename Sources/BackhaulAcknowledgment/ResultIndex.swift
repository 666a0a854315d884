package import BackhaulDomain
internal import BackhaulLog
package import BackhaulRecords
internal import Foundation
internal import Synchronization

/// The task generations of one results partition that have their result, with its offset. Ensures one result per
/// generation.
///
/// A log-structured merge index (O'Neil et al. 1996): new entries in memory, sorted runs on disk, runs of similar
/// size merged. Its memory does not grow with the number of results, except for eight bytes per 4 KiB of a run. It
/// is derived data: if a file is missing or truncated, the partition is read from its beginning.
package final class ResultIndex: Sendable {
    private struct State {
        /// Results before this offset are in the index.
        var next: Int64 = 0
        /// The log no longer holds results before this offset.
        var earliest: Int64 = 0
        var fresh: [ResultEntry.Key: ResultEntry] = [:]
        /// The keys in `fresh` whose offset is unknown, in the order of their insertion.
        var unplaced: [ResultEntry.Key] = []
        /// Entries that are being written to a run.
        var leaving: [ResultEntry.Key: ResultEntry] = [:]
        /// Oldest first.
        var runs: [ResultRun] = []
        var serial = 0
        var isTidying = false
    }

    private struct Manifest: Codable {
        /// Of the entries.
        var format: Int
        var next: Int64
        var serial: Int
        var runs: [Run]

        struct Run: Codable {
            var name: String
            var count: Int
        }
    }

    private let folder: String
    private let number: Int
    /// Whether a later process may reuse the files.
    private let isKept: Bool
    private let state: Mutex<State>
    /// The number of entries in memory that triggers a flush to a run.
    private let most: Int

    /// Opens the index of a partition, or creates an empty one.
    /// - Parameters:
    ///   - folder: the folder of its files, which must exist.
    ///   - isKept: whether a later process may reuse the files; if false, they are unlinked and end with this
    ///     process.
    ///   - most: the number of entries in memory that triggers a flush to a run.
    package init(folder: String, number: Int, isKept: Bool = true, most: Int = 32_768) {
        self.folder = folder
        self.number = number
        self.isKept = isKept
        self.most = most
        state = Mutex(isKept ? Self.load(folder, number) : State())
    }

    private static func manifestPath(_ folder: String, _ number: Int) -> String { "\(folder)/\(number).json" }

    private static func load(_ folder: String, _ number: Int) -> State {
        var state = State()
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: manifestPath(folder, number))),
            let manifest = try? JSONDecoder().decode(Manifest.self, from: data), manifest.format == format,
            manifest.next >= 0,
            (0..<Self.mostSerials).contains(manifest.serial)
        else { return state }
        let names = manifest.runs.map(\.name)
        let runs = manifest.runs.compactMap { ResultRun.open(folder, name: $0.name, count: $0.count) }
        guard runs.count == names.count, names.allSatisfy({ $0.hasPrefix("\(number)-") && !$0.contains("/") }) else {
            return state
        }
        state.next = manifest.next
        state.serial = manifest.serial
        state.runs = runs
        return state
    }

    /// Version 2 has the mark of the content. An index of another version is built again.
    private static let format = 2

    /// An upper bound for the number of runs in an index's life, which no disk can reach.
    private static let mostSerials = 1 << 53

    /// Results before this offset are in the index; those from here on have to be added.
    package var next: Int64 { state.withLock(\.next) }

    /// Clears an index that was built from another partition. Must not be called while `tidy` runs.
    package func reset() {
        let runs = state.withLock { state in
            defer {
                let serial = state.serial
                state = State()
                state.serial = serial
            }
            return state.runs
        }
        guard isKept else { return }
        unlink(Self.manifestPath(folder, number))
        for run in runs { run.remove() }
    }

    /// Adds a page of results that begins at offset `from`.
    /// - Parameter next: the offset after the page.
    /// - Returns: false when there is a gap before the page; then nothing is added.
    package func take(_ results: [IndexedResult], from: Int64, next: Int64) -> Bool {
        state.withLock { state in
            guard from <= state.next else { return false }
            for result in results where result.offset >= state.next {
                // The first result of a generation counts. The offset noted when it was written may be later than
                // its own.
                let key = ResultEntry.Key(result.task)
                if let known = state.fresh[key], known.offset <= result.offset, known.offset >= state.earliest {
                    continue
                }
                state.fresh[key] = ResultEntry(
                    key: key, offset: result.offset, isCancel: result.isCancel, content: result.content)
            }
            state.next = max(state.next, next)
            return true
        }
    }

    /// Adds a result that was just written.
    /// - Parameter offset: its offset; nil where the log does not return it.
    package func insert(
        _ task: TaskGeneration, at offset: Int64?, isCancel: Bool, content: ContentMark = .unknown
    ) {
        let key = ResultEntry.Key(task)
        state.withLock { state in
            // A result that has aged out is replaced by a new one of the same generation.
            if state.fresh[key].map({ $0.offset < state.earliest }) ?? true {
                state.fresh[key] = ResultEntry(
                    key: key, offset: offset ?? ResultEntry.unknown, isCancel: isCancel, content: content)
                if offset == nil { state.unplaced.append(key) }
            }
        }
    }

    /// The log no longer holds results before this offset.
    package func forget(before offset: Int64) { state.withLock { $0.earliest = max($0.earliest, offset) } }

    /// The number of results whose offset is unknown.
    package var unplaced: Int { state.withLock(\.unplaced.count) }

    /// Gives the first `many` results without an offset the offset before `end`, an upper bound, so that they age
    /// out as well.
    /// - Parameter end: the end of the partition, read after `unplaced` was.
    package func place(_ many: Int, before end: Int64) {
        state.withLock { state in
            for key in state.unplaced.prefix(many) {
                guard let entry = state.fresh[key], entry.offset == ResultEntry.unknown else { continue }
                state.fresh[key] = ResultEntry(
                    key: key, offset: end - 1, isCancel: entry.isCancel, content: entry.content)
            }
            state.unplaced.removeFirst(min(many, state.unplaced.count))
        }
    }

    /// The offset of the generation's result, whether it was a cancel, and its content; nil when the log holds none.
    /// - Throws: `LogError.unusable` when a run cannot be read.
    package func find(_ task: TaskGeneration) throws -> (offset: Int64, isCancel: Bool, content: ContentMark)? {
        let key = ResultEntry.Key(task)
        let (near, runs, earliest) = state.withLock { state in
            (state.fresh[key] ?? state.leaving[key], state.runs, state.earliest)
        }
        // A generation may have a result that aged out and a newer one, so the youngest run is searched first.
        var found = near
        for run in runs.reversed() where found == nil { found = try run.find(key) }
        guard let found, found.offset >= earliest else { return nil }
        return (found.offset, found.isCancel, found.content)
    }

    package var count: Int {
        state.withLock { $0.fresh.count + $0.leaving.count + $0.runs.reduce(0) { $0 + $1.count } }
    }

    // MARK: Files

    /// Whether `tidy` has work to do.
    package var isFull: Bool { state.withLock { $0.fresh.count >= most || Self.mergeable($0.runs) != nil } }

    /// Writes the entries in memory to a run, and merges runs of similar size. Blocks. Returns at once while
    /// another call is running.
    /// - Parameter isLast: whether to write even a few entries, so that the next process continues here.
    /// - Throws: `LogError`; the index then continues in memory.
    package func tidy(isLast: Bool = false) throws {
        guard
            state.withLock({ state in
                defer { state.isTidying = true }
                return !state.isTidying
            })
        else { return }
        defer { state.withLock { $0.isTidying = false } }
        if state.withLock({ $0.fresh.count >= most || (isLast && !$0.fresh.isEmpty) }) { try flush() }
        while let range = state.withLock({ Self.mergeable($0.runs) }) { try merge(range) }
        if isLast { try save() }
    }

    private func name(_ state: inout State) -> String {
        state.serial += 1
        // Files that are not kept share their folder with those of other processes for a moment.
        return isKept ? "\(number)-\(state.serial)" : "backhaul-results-\(UUID().uuidString)"
    }

    private func flush() throws {
        let (entries, name) = state.withLock { state -> ([ResultEntry], String) in
            // Includes what an earlier attempt could not write. Entries without an offset stay in memory.
            state.leaving.merge(state.fresh.filter { $0.value.offset != ResultEntry.unknown }) { $1 }
            state.fresh = state.fresh.filter { $0.value.offset == ResultEntry.unknown }
            return (state.leaving.values.sorted { $0.key < $1.key }, self.name(&state))
        }
        guard !entries.isEmpty else { return }
        var iterator = entries.makeIterator()
        let run = try ResultRun.write(folder, name: name, isKept: isKept) { iterator.next() }
        state.withLock { state in
            state.runs.append(run)
            state.leaving = [:]
        }
        try save()
    }

    /// The adjacent runs to merge: four or more from the youngest backwards, each at most twice as large as all
    /// younger ones together.
    private static func mergeable(_ runs: [ResultRun]) -> Range<Int>? {
        guard runs.count > 1 else { return nil }
        var first = runs.count - 1
        var sum = runs[first].count
        while first > 0, runs[first - 1].count <= 2 * sum {
            first -= 1
            sum += runs[first].count
        }
        return runs.count - first >= 4 ? first..<runs.count : nil
    }

    private func merge(_ range: Range<Int>) throws {
        let (old, earliest, name) = state.withLock { state in
            (Array(state.runs[range]), state.earliest, self.name(&state))
        }
        var cursors = try old.map { try RunCursor($0) }
        let run = try ResultRun.write(folder, name: name, isKept: isKept) {
            while true {
                guard let key = cursors.compactMap({ $0.head?.key }).min() else { return nil }
                var youngest: ResultEntry?
                for index in cursors.indices where cursors[index].head?.key == key {
                    youngest = cursors[index].head
                    try cursors[index].advance()
                }
                if let youngest, youngest.offset >= earliest { return youngest }
            }
        }
        state.withLock { $0.runs.replaceSubrange(range, with: [run]) }
        try save()
        if isKept { for run in old { run.remove() } }
    }

    private func save() throws {
        guard isKept else { return }
        // The next process has to read entries that are only in memory, so the saved `next` is at most their
        // offset.
        let manifest = state.withLock { state in
            let unsaved = (state.fresh.values.map(\.offset) + state.leaving.values.map(\.offset)).min() ?? state.next
            return Manifest(
                format: Self.format, next: min(state.next, unsaved), serial: state.serial,
                runs: state.runs.map { Manifest.Run(name: $0.name, count: $0.count) })
        }
        let path = Self.manifestPath(folder, number)
        let temporary = path + ".tmp"
        do {
            try JSONEncoder().encode(manifest).write(to: URL(fileURLWithPath: temporary))
        } catch {
            throw LogError.unusable(folder: path, reason: "\(error)")
        }
        guard rename(temporary, path) == 0 else {
            throw LogError.unusable(folder: path, reason: String(cString: strerror(errno)))
        }
    }
}

/// Reads a run in blocks.
private struct RunCursor {
    private let run: ResultRun
    private var block: ArraySlice<ResultEntry> = []
    private var next = 0

    init(_ run: ResultRun) throws {
        self.run = run
        try fill()
    }

    var head: ResultEntry? { block.first }

    mutating func advance() throws {
        block.removeFirst()
        if block.isEmpty { try fill() }
    }

    private mutating func fill() throws {
        let entries = try run.entries(from: next, 32 * ResultRun.block)
        next += entries.count
        block = entries[...]
    }
}
