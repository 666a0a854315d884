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
        /// A folder that is not to be submitted.
        case skipped(path: String, code: String, message: String)
    }

    /// A folder that is not entered, wherever it is found.
    package struct Skipped: Hashable, Sendable {
        package var folder: String
        package var code: String
        package var message: String

        package init(folder: String, code: String, message: String) {
            self.folder = folder
            self.code = code
            self.message = message
        }
    }

    private struct Level {
        let handle: OpaquePointer
        let path: [String]
        /// Whether the filter includes the folder, and so what is in it.
        let isIncluded: Bool
    }

    private let root: Int32
    /// Knows, at the end, which patterns have matched nothing.
    package private(set) var filter: NameFilter
    private let mounts: MountTable
    /// By device and inode.
    private let skipped: [(device: UInt64, inode: UInt64, what: Skipped)]
    private var levels: [Level] = []
    private var pending: [String]?

    /// - Parameters:
    ///   - root: the absolute path of the root's folder.
    ///   - start: the file or folder to walk, relative to the root; empty for the root itself.
    ///   - skipping: folders that are not entered.
    ///   - mounts: says which file systems do not tell sizes.
    /// - Throws: `POSIXError` when the root cannot be opened.
    package init(
        root path: String, start: String, filter: NameFilter, skipping: [Skipped],
        mounts: MountTable = .current
    ) throws {
        root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        self.filter = filter
        self.mounts = mounts
        skipped = skipping.compactMap { what in
            var status = stat()
            guard stat(what.folder, &status) == 0 else { return nil }
            return (UInt64(status.st_dev), UInt64(status.st_ino), what)
        }
        if start.isEmpty {
            let own = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard own >= 0, let handle = fdopendir(own) else {
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
            }
            levels = [Level(handle: handle, path: [], isIncluded: false)]
        } else {
            pending = start.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
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
                if let entry = begin(at: path) { return entry }
                continue
            }
            guard let level = levels.last else { return nil }
            errno = 0
            guard let found = readdir(level.handle) else {
                let code = errno
                levels.removeLast()
                closedir(level.handle)
                if code != 0 {
                    return .problem(
                        path: Self.text(level.path), code: "unreadable", message: String(cString: strerror(code)))
                }
                continue
            }
            let bytes = withUnsafeBytes(of: &found.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if bytes == [UInt8(ascii: ".")] || bytes == [UInt8(ascii: "."), UInt8(ascii: ".")] { continue }
            guard let name = String(validating: bytes, as: UTF8.self) else {
                let shown = level.path + [String(decoding: bytes, as: UTF8.self)]
                return .problem(
                    path: Self.text(shown), code: "bad-name", message: "the name is not UTF-8; rename the file")
            }
            if let entry = look(at: level.path + [name], below: dirfd(level.handle), name: name, in: level) {
                return entry
            }
        }
    }

    private static func text(_ path: [String]) -> String { path.joined(separator: "/") }

    /// The entry at the start, unless a folder above it is filtered out.
    private func begin(at path: [String]) -> Entry? {
        var isIncluded = false
        for depth in 1..<max(1, path.count) {
            let folder = Array(path.prefix(depth))
            if filter.excludes(folder, isFolder: true) { return nil }
            isIncluded = filter.includes(folder, isFolder: true, isInside: isIncluded)
        }
        return look(at: path, below: root, name: Self.text(path), in: nil, isInside: isIncluded)
    }

    /// The entry at a path; nil when it is a folder to enter or is filtered out.
    /// - Parameters:
    ///   - level: the folder that it was found in; nil for the start.
    ///   - isInside: whether a folder above it is included; as `level` says where there is one.
    private func look(
        at path: [String], below folder: Int32, name: String, in level: Level?, isInside: Bool = false
    ) -> Entry? {
        let isInside = level?.isIncluded ?? isInside
        var status = stat()
        guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            // It was listed a moment ago, so it has vanished.
            let code = errno == ENOENT ? "vanished" : "unreadable"
            return .problem(path: Self.text(path), code: code, message: String(cString: strerror(errno)))
        }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        if isFolder, let found = skipped.first(where: { $0.device == status.st_dev && $0.inode == status.st_ino }) {
            return .skipped(path: Self.text(path), code: found.what.code, message: found.what.message)
        }
        if filter.excludes(path, isFolder: isFolder) { return nil }
        let isIncluded = filter.includes(path, isFolder: isFolder, isInside: isInside)
        if isFolder { return enter(path, folder, name, isIncluded) }
        guard isIncluded else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            guard faccessat(folder, name, R_OK, 0) == 0 else {
                return .problem(path: Self.text(path), code: "unreadable", message: String(cString: strerror(errno)))
            }
            guard mounts.tellsSizes(UInt64(status.st_dev)),
                status.st_size > 0 || !Self.hidesContent(name, below: folder)
            else {
                return .problem(
                    path: Self.text(path), code: "no-size",
                    message: "its file system (such as /proc) does not say how large it is; copy it to a disk first")
            }
            return .file(
                path: Self.text(path), size: ByteCount(clamping: status.st_size),
                modifiedAt: FileTime(
                    seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec))
        case S_IFLNK:
            return .problem(
                path: Self.text(path), code: "symlink",
                message: "symbolic links are not followed; submit what it points to")
        default:
            return .problem(path: Self.text(path), code: "not-a-file", message: "only regular files are submitted")
        }
    }

    private func enter(_ path: [String], _ folder: Int32, _ name: String, _ isIncluded: Bool) -> Entry? {
        let own = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard own >= 0, let handle = fdopendir(own) else {
            let code = errno
            if own >= 0 { close(own) }
            return .problem(path: Self.text(path), code: "unreadable", message: String(cString: strerror(code)))
        }
        levels.append(Level(handle: handle, path: path, isIncluded: isIncluded))
        return nil
    }

    /// Whether a file has content and still says that it is empty; some file systems in user space know a size only
    /// while they read. One that has just been written to says so.
    private static func hidesContent(_ name: String, below folder: Int32) -> Bool {
        let found = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
        guard found >= 0 else { return false }
        defer { close(found) }
        var byte: UInt8 = 0
        var status = stat()
        return read(found, &byte, 1) > 0 && fstat(found, &status) == 0 && status.st_size == 0
    }
}
