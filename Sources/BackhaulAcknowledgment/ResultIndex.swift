package import BackhaulDomain
internal import BackhaulLog
internal import Foundation
internal import Synchronization

/// Which task generations of one results partition have their result, and where: what makes it one each.
///
/// A log-structured merge index (O'Neil et al. 1996): new entries in memory, sorted runs on the disk, runs of like size
/// merged. Its memory does not grow with the results that are kept, but for eight bytes in 4 KiB of a run. It is derived: a
/// file that is missing or cut short means reading the partition from its beginning.
package final class ResultIndex: Sendable {
    private struct State {
        /// Results before this offset are in the index.
        var next: Int64 = 0
        /// Results before this offset are gone from the log.
        var earliest: Int64 = 0
        var fresh: [ResultEntry.Key: ResultEntry] = [:]
        /// Of `fresh`, in the order of their coming: those whose place is unknown.
        var unplaced: [ResultEntry.Key] = []
        /// Being written to a run.
        var leaving: [ResultEntry.Key: ResultEntry] = [:]
        /// Oldest first.
        var runs: [ResultRun] = []
        var serial = 0
        var isTidying = false
    }

    private struct Manifest: Codable {
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
    /// Whether another process may go on with the files.
    private let isKept: Bool
    private let state: Mutex<State>
    /// New entries in memory before they go to a run.
    private let most: Int

    /// Opens the index of a partition, or begins an empty one.
    /// - Parameters:
    ///   - folder: where its files are; it exists.
    ///   - isKept: whether another process may go on with the files; else they have no names, and go with this process.
    ///   - most: entries that it keeps in memory.
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
            let manifest = try? JSONDecoder().decode(Manifest.self, from: data), manifest.next >= 0,
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

    /// Runs that are written in an index's life: more than any disk has seen.
    private static let mostSerials = 1 << 53

    /// Results before this offset are in the index; from here on it has to be told.
    package var next: Int64 { state.withLock(\.next) }

    /// Begins again: the partition is not the one that the index was made of. Not while `tidy` runs.
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

    /// Takes a page of results that begins at `from`.
    /// - Parameter next: the offset behind the page.
    /// - Returns: false when the page is not the next one; nothing is taken then.
    package func take(_ results: [(task: TaskGeneration, offset: Int64, isCancel: Bool)], from: Int64, next: Int64)
        -> Bool
    {
        state.withLock { state in
            guard from <= state.next else { return false }
            for result in results where result.offset >= state.next {
                // The first result of a generation is the one that counts. What was noted when it was written may stand for a
                // later offset than its own.
                let key = ResultEntry.Key(result.task)
                if let known = state.fresh[key], known.offset <= result.offset, known.offset >= state.earliest {
                    continue
                }
                state.fresh[key] = ResultEntry(key: key, offset: result.offset, isCancel: result.isCancel)
            }
            state.next = max(state.next, next)
            return true
        }
    }

    /// Notes a result that was just written.
    package func insert(_ task: TaskGeneration, at offset: Int64?, isCancel: Bool) {
        let key = ResultEntry.Key(task)
        state.withLock { state in
            // One that has aged out makes room for another of its name.
            if state.fresh[key].map({ $0.offset < state.earliest }) ?? true {
                state.fresh[key] = ResultEntry(key: key, offset: offset ?? ResultEntry.unknown, isCancel: isCancel)
                if offset == nil { state.unplaced.append(key) }
            }
        }
    }

    /// Results before this offset are gone from the log.
    package func forget(before offset: Int64) { state.withLock { $0.earliest = max($0.earliest, offset) } }

    /// How many results there are whose place is unknown.
    package var unplaced: Int { state.withLock(\.unplaced.count) }

    /// Gives the first of them the place that they lie before, so that they age out, too.
    /// - Parameter end: the end of the partition, asked for after `unplaced` was.
    package func place(_ many: Int, before end: Int64) {
        state.withLock { state in
            for key in state.unplaced.prefix(many) {
                guard let entry = state.fresh[key], entry.offset == ResultEntry.unknown else { continue }
                state.fresh[key] = ResultEntry(key: key, offset: end - 1, isCancel: entry.isCancel)
            }
            state.unplaced.removeFirst(min(many, state.unplaced.count))
        }
    }

    /// Where the generation's result is and whether it was a cancel; nil when the log holds none.
    /// - Throws: `LogError.unusable` when the disk does not answer.
    package func find(_ task: TaskGeneration) throws -> (offset: Int64, isCancel: Bool)? {
        let key = ResultEntry.Key(task)
        let (near, runs, earliest) = state.withLock { state in
            (state.fresh[key] ?? state.leaving[key], state.runs, state.earliest)
        }
        // A generation may have had a result that aged out, and another since: the youngest run is asked first.
        var found = near
        for run in runs.reversed() where found == nil { found = try run.find(key) }
        guard let found, found.offset >= earliest else { return nil }
        return (found.offset, found.isCancel)
    }

    package var count: Int {
        state.withLock { $0.fresh.count + $0.leaving.count + $0.runs.reduce(0) { $0 + $1.count } }
    }

    // MARK: Files

    /// Whether `tidy` has something to do.
    package var isFull: Bool { state.withLock { $0.fresh.count >= most || Self.mergeable($0.runs) != nil } }

    /// Writes what is in memory to a run and merges runs of like size. Blocks. One caller at a time does.
    /// - Parameter isLast: whether also a few entries are written, so that the next process begins here.
    /// - Throws: `LogError`; the index then goes on in memory.
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
        // Files that are not kept lie in a folder with those of other processes, for a moment.
        return isKept ? "\(number)-\(state.serial)" : "backhaul-results-\(UUID().uuidString)"
    }

    private func flush() throws {
        let (entries, name) = state.withLock { state -> ([ResultEntry], String) in
            // What an earlier attempt could not write goes with it. What has no place yet gets one first.
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

    /// Neighbours that are merged: as many of the youngest as are not much smaller than what they become part of.
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
        // An entry that is only in memory is not behind `next` for the next process.
        let manifest = state.withLock { state in
            let unsaved = (state.fresh.values.map(\.offset) + state.leaving.values.map(\.offset)).min() ?? state.next
            return Manifest(
                next: min(state.next, unsaved), serial: state.serial,
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

/// Goes through a run in blocks.
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
