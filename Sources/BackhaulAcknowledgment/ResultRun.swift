internal import BackhaulLog
internal import Foundation

/// Entries sorted by key, in a file that never changes. Takes eight bytes of memory per 4 KiB of the file.
final class ResultRun: Sendable {
    /// The file's name in the index's folder.
    let name: String
    let count: Int
    private let path: String
    private let descriptor: Int32
    /// The upper half of each block's first key.
    private let fences: [UInt64]

    static let block = 170

    private init(name: String, path: String, descriptor: Int32, count: Int, fences: [UInt64]) {
        self.name = name
        self.path = path
        self.descriptor = descriptor
        self.count = count
        self.fences = fences
    }

    deinit { close(descriptor) }

    /// Opens a run of an earlier process; nil when its size or the order of its keys is wrong.
    static func open(_ folder: String, name: String, count: Int) -> ResultRun? {
        let path = folder + "/" + name
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size % ResultEntry.size == 0,
            status.st_size / ResultEntry.size == count
        else {
            close(descriptor)
            return nil
        }
        // `run` closes this descriptor when it is released.
        let run = ResultRun(name: name, path: path, descriptor: descriptor, count: count, fences: [])
        var fences: [UInt64] = []
        fences.reserveCapacity(count / block + 1)
        var last: ResultEntry.Key?
        for first in stride(from: 0, to: count, by: block) {
            guard let entry = try? run.entries(from: first, 1).first, last.map({ $0 < entry.key }) ?? true else {
                return nil
            }
            last = entry.key
            fences.append(entry.key.high)
        }
        let copy = dup(descriptor)
        guard copy >= 0 else { return nil }
        return ResultRun(name: name, path: path, descriptor: copy, count: count, fences: fences)
    }

    /// Writes the entries that `next` returns, which must be sorted by key. A kept run is durable on return.
    /// - Parameter isKept: whether a later process may open it. If false, the file is unlinked and ends with the
    ///   process, however that ends.
    /// - Throws: `LogError.unusable`, `LogError.outOfSpace`.
    static func write(
        _ folder: String, name: String, isKept: Bool = true, _ next: () throws -> ResultEntry?
    ) throws -> ResultRun {
        let path = folder + "/" + name
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        if !isKept { unlink(path) }
        var fences: [UInt64] = []
        var bytes: [UInt8] = []
        var count = 0
        func flush() throws {
            var done = 0
            while done < bytes.count {
                let written = bytes.withUnsafeBytes { buffer in
                    Foundation.write(descriptor, buffer.baseAddress.map { $0 + done }, bytes.count - done)
                }
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { throw failure(path) }
                done += written
            }
            bytes.removeAll(keepingCapacity: true)
        }
        do {
            while let entry = try next() {
                if count % block == 0 { fences.append(entry.key.high) }
                entry.write(to: &bytes)
                count += 1
                if bytes.count >= 1 << 20 { try flush() }
            }
            try flush()
            guard !isKept || fsync(descriptor) == 0 else { throw failure(path) }
        } catch {
            close(descriptor)
            unlink(path)
            throw error
        }
        return ResultRun(name: name, path: path, descriptor: descriptor, count: count, fences: fences)
    }

    private static func failure(_ path: String) -> LogError {
        errno == ENOSPC
            ? .outOfSpace(folder: path)
            : .unusable(folder: path, reason: "the index of results: \(String(cString: strerror(errno)))")
    }

    /// Finds the entry of a key; nil when the run has none.
    /// - Throws: `LogError.unusable` when the file cannot be read, so the answer is unknown.
    func find(_ key: ResultEntry.Key) throws -> ResultEntry? {
        // Begins at the block before the first one whose upper half is not less. Equal upper halves may span
        // several blocks.
        var low = 0
        var high = fences.count
        while low < high {
            let middle = (low + high) / 2
            if fences[middle] < key.high { low = middle + 1 } else { high = middle }
        }
        var block = max(0, low - 1)
        while block < fences.count, fences[block] <= key.high {
            let found = try entries(from: block * Self.block, Self.block)
            var first = 0
            var last = found.count
            while first < last {
                let middle = (first + last) / 2
                if found[middle].key < key { first = middle + 1 } else { last = middle }
            }
            if first < found.count { return found[first].key == key ? found[first] : nil }
            block += 1
        }
        return nil
    }

    /// Reads up to `wanted` entries from entry number `first` on; fewer at the end.
    /// - Throws: `LogError.unusable`.
    func entries(from first: Int, _ wanted: Int) throws -> [ResultEntry] {
        let many = min(wanted, count - first)
        guard many > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: many * ResultEntry.size)
        var done = 0
        while done < bytes.count {
            let left = bytes.count - done
            let read = bytes.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress.map { $0 + done }, left, off_t(first * ResultEntry.size + done))
            }
            if read < 0, errno == EINTR { continue }
            guard read != 0 else { throw LogError.unusable(folder: path, reason: "the index of results is truncated") }
            guard read > 0 else { throw Self.failure(path) }
            done += read
        }
        return bytes.withUnsafeBytes { block in (0..<many).map { ResultEntry(block, at: $0) } }
    }

    /// Unlinks the file. A reader of the run can continue.
    func remove() { unlink(path) }
}
