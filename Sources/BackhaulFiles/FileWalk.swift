package import BackhaulUnits
internal import Foundation

/// Walks a file, or a folder and everything below it, one entry at a time. Memory grows with depth, not with the
/// number of files.
package final class FileWalk {
    package enum Entry: Hashable, Sendable {
        /// A file by its path below the root.
        case file(path: String, size: ByteCount, modifiedAt: FileTime)
        /// An entry that cannot be submitted; the walk continues.
        case problem(path: String, code: String, message: String)
    }

    /// Shell patterns (fnmatch), matched against the path below the root and against the name alone.
    package struct Filter: Hashable, Sendable {
        package var include: [String]
        package var exclude: [String]

        package init(include: [String] = [], exclude: [String] = []) {
            self.include = include
            self.exclude = exclude
        }

        func takes(_ path: String) -> Bool {
            (include.isEmpty || include.contains { Self.matches($0, path) }) && !excludes(path)
        }

        func excludes(_ path: String) -> Bool { exclude.contains { Self.matches($0, path) } }

        private static func matches(_ pattern: String, _ path: String) -> Bool {
            fnmatch(pattern, path, 0) == 0
                || fnmatch(pattern, String(path.split(separator: "/").last ?? ""), 0) == 0
        }
    }

    private struct Level {
        let handle: OpaquePointer
        let path: String
    }

    private let root: Int32
    private let filter: Filter
    /// Device and inode of the log's own folder, which is not entered.
    private let skipped: (UInt64, UInt64)?
    private var levels: [Level] = []
    private var pending: String?

    /// - Parameters:
    ///   - root: the absolute path of the root's folder.
    ///   - start: the file or folder to walk, relative to the root; empty for the root itself.
    ///   - skipping: a folder that is not entered, wherever it is found.
    /// - Throws: `POSIXError` when the root cannot be opened.
    package init(root path: String, start: String, filter: Filter, skipping: String?) throws {
        root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        self.filter = filter
        var status = stat()
        skipped = skipping.flatMap { stat($0, &status) == 0 ? (UInt64(status.st_dev), UInt64(status.st_ino)) : nil }
        if start.isEmpty {
            let own = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard own >= 0, let handle = fdopendir(own) else {
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
            }
            levels = [Level(handle: handle, path: "")]
        } else {
            pending = start
        }
    }

    deinit {
        for level in levels { closedir(level.handle) }
        if root >= 0 { close(root) }
    }

    /// The next entry; nil at the end. Blocks.
    package func next() -> Entry? {
        while true {
            if let path = pending {
                pending = nil
                if let entry = look(at: path, below: root, name: path) { return entry }
                continue
            }
            guard let level = levels.last else { return nil }
            errno = 0
            guard let found = readdir(level.handle) else {
                let code = errno
                levels.removeLast()
                closedir(level.handle)
                if code != 0 {
                    return .problem(path: level.path, code: "unreadable", message: String(cString: strerror(code)))
                }
                continue
            }
            let bytes = withUnsafeBytes(of: &found.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if bytes == [UInt8(ascii: ".")] || bytes == [UInt8(ascii: "."), UInt8(ascii: ".")] { continue }
            guard let name = String(validating: bytes, as: UTF8.self) else {
                let shown = level.path + "/" + String(decoding: bytes, as: UTF8.self)
                return .problem(path: shown, code: "bad-name", message: "the name is not UTF-8; rename the file")
            }
            let path = level.path.isEmpty ? name : level.path + "/" + name
            if let entry = look(at: path, below: dirfd(level.handle), name: name) { return entry }
        }
    }

    /// The entry at a path; nil when it is a folder to enter or is filtered out.
    private func look(at path: String, below folder: Int32, name: String) -> Entry? {
        var status = stat()
        guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            // It was listed a moment ago, so it has vanished.
            let code = errno == ENOENT ? "vanished" : "unreadable"
            return .problem(path: path, code: code, message: String(cString: strerror(errno)))
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            if let skipped, skipped == (UInt64(status.st_dev), UInt64(status.st_ino)) {
                return .problem(path: path, code: "data-folder", message: "the log's own folder is not submitted")
            }
            if filter.excludes(path) { return nil }
            let own = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard own >= 0, let handle = fdopendir(own) else {
                let problem = Entry.problem(path: path, code: "unreadable", message: String(cString: strerror(errno)))
                if own >= 0 { close(own) }
                return problem
            }
            levels.append(Level(handle: handle, path: path))
            return nil
        case S_IFREG:
            guard filter.takes(path) else { return nil }
            guard faccessat(folder, name, R_OK, 0) == 0 else {
                return .problem(path: path, code: "unreadable", message: String(cString: strerror(errno)))
            }
            return .file(
                path: path, size: ByteCount(clamping: status.st_size),
                modifiedAt: FileTime(
                    seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec))
        case S_IFLNK:
            guard filter.takes(path) else { return nil }
            return .problem(
                path: path, code: "symlink", message: "symbolic links are not followed; submit what it points to")
        default:
            guard filter.takes(path) else { return nil }
            return .problem(path: path, code: "not-a-file", message: "only regular files are submitted")
        }
    }
}
