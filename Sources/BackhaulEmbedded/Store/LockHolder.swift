internal import Foundation

/// Who holds the lock of a store's writer: SQLite waits for it, and tells nobody for whom.
enum LockHolder {
    /// The byte of the shared-memory file that a writer locks in WAL mode (sqlite3's wal.c, os_unix.c: 22 + 8 words).
    private static let byte: UInt64 = 120

    /// The process, such as `process 4711 (backhaul, stopped)`; nil when there is none, or none that can be seen.
    static func find(folder: String) -> String? {
        var status = stat()
        guard stat(folder + "/log.sqlite-shm", &status) == 0,
            let locks = try? String(contentsOfFile: "/proc/locks", encoding: .utf8),
            let process = process(in: locks, inode: UInt64(status.st_ino)), process != getpid()
        else { return nil }
        let name = try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8)
        let state = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        // The name in parentheses may hold any character, so that the state is what follows the last of them.
        let letter = state.flatMap { $0.split(separator: ")").last?.split(separator: " ").first }
        let words = [
            name?.trimmingCharacters(in: .whitespacesAndNewlines), letter == "T" ? "stopped" : nil,
        ].compactMap(\.self)
        return "process \(process)" + (words.isEmpty ? "" : " (\(words.joined(separator: ", ")))")
    }

    /// Reads `proc_locks(5)`: number, class, type, mode, process, device and inode, first and last byte.
    static func process(in locks: String, inode: UInt64) -> pid_t? {
        for line in locks.split(separator: "\n") {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            // A line of one that waits has an arrow in it.
            guard fields.count == 8, fields[1] == "POSIX", fields[3] == "WRITE",
                fields[5].split(separator: ":").last.flatMap({ UInt64($0) }) == inode,
                let first = UInt64(fields[6]), first <= byte,
                fields[7] == "EOF" || (UInt64(fields[7]).map { $0 >= byte } ?? false)
            else { continue }
            return pid_t(fields[4]).flatMap { $0 > 0 ? $0 : nil }
        }
        return nil
    }
}
