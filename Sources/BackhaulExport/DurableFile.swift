internal import Foundation

/// Files that are there as a whole, after any crash, or not at all.
enum DurableFile {
    /// - Throws: `ExportError.folder`.
    static func write(_ bytes: [UInt8], to path: String) throws {
        let temporary = path + ".tmp"
        unlink(temporary)
        try append(bytes, to: temporary)
        try publish(temporary, as: path)
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

    /// Syncs a file, gives it its name, and syncs its folder.
    /// - Throws: `ExportError.folder`.
    static func publish(_ temporary: String, as path: String) throws {
        try sync(temporary, O_RDONLY)
        guard rename(temporary, path) == 0 else { throw failure(path) }
        try sync((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY)
    }

    /// - Throws: `ExportError.folder`.
    static func folder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw ExportError.folder(path, reason: "the folder cannot be made: \(String(cString: strerror(errno)))")
        }
    }

    private static func sync(_ path: String, _ flags: Int32) throws {
        let file = open(path, flags | O_CLOEXEC)
        guard file >= 0 else { throw failure(path) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw failure(path) }
    }

    private static func failure(_ path: String) -> ExportError {
        .folder(path, reason: String(cString: strerror(errno)))
    }
}
