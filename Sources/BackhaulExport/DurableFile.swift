internal import BackhaulFiles
internal import Foundation

/// Files that are there as a whole, after any crash, or not at all.
enum DurableFile {
    /// - Throws: `ExportError.folder`.
    static func write(_ bytes: [UInt8], to path: String) throws {
        let temporary = path + ".tmp"
        unlink(temporary)
        try append(bytes, to: temporary)
        try sync(temporary)
        try rename(temporary, to: path, below: (path as NSString).deletingLastPathComponent)
    }

    /// - Throws: `ExportError.folder`.
    static func append(_ bytes: [UInt8], to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard file >= 0 else { throw failure(path) }
        defer { close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure(path) }
            rest = rest.dropFirst(count)
        }
    }

    /// Gives a file that is synced its name, and syncs the folders from it up to `root`, which may be new.
    /// - Throws: `ExportError.folder`.
    static func rename(_ temporary: String, to path: String, below root: String) throws {
        guard Foundation.rename(temporary, path) == 0 else { throw failure(path) }
        var folder = (path as NSString).deletingLastPathComponent
        try sync(folder)
        while folder.utf8.count > root.utf8.count {
            folder = (folder as NSString).deletingLastPathComponent
            try sync(folder)
        }
    }

    /// - Throws: `ExportError.folder`.
    static func folder(_ path: String) throws {
        do {
            try NewFolder.make(path, mode: 0o755)
        } catch {
            throw ExportError.folder(path, reason: "the folder cannot be made: \(error)")
        }
    }

    /// - Throws: `ExportError.folder`.
    static func sync(_ path: String) throws {
        let file = open(path.isEmpty ? "." : path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure(path) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw failure(path) }
    }

    private static func failure(_ path: String) -> ExportError {
        .folder(path, reason: String(cString: strerror(errno)))
    }
}
