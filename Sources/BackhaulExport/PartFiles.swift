internal import Foundation

/// The files of one part: one for each day and class of tenants, each under a temporary name until all are whole.
struct PartFiles {
    private let folder: String
    /// The partition and its bounds, as files are named.
    private let part: String
    private var buffers: [String: [UInt8]] = [:]
    private var buffered = 0
    private var paths: Set<String> = []

    /// Bytes in memory, before compression.
    private static let mostBuffered = 16 << 20

    init(folder: String, part: String) {
        self.folder = folder
        self.part = part
    }

    /// - Parameters:
    ///   - day: `2026-11-30`.
    ///   - tenantClass: empty for none.
    /// - Throws: `ExportError`.
    mutating func add(_ line: [UInt8], day: String, tenantClass: String) throws {
        let name = "day=\(day)/tenant_class=\(tenantClass.isEmpty ? "none" : tenantClass)/\(part).ndjson.zst"
        buffers[name, default: []] += line
        buffered += line.count
        if buffered >= Self.mostBuffered { try flush() }
    }

    /// Makes the files whole and durable, under their temporary names.
    /// - Returns: their paths below the folder, in order.
    /// - Throws: `ExportError`.
    mutating func seal() throws -> [String] {
        try flush()
        for path in paths { try DurableFile.sync(temporary(path)) }
        return paths.sorted()
    }

    /// Gives the files their names. Those that have them already, from a process that was killed, keep them.
    /// - Throws: `ExportError`.
    func publish(_ paths: [String]) throws {
        for path in paths where access(folder + "/" + path, F_OK) != 0 || access(temporary(path), F_OK) == 0 {
            try DurableFile.rename(temporary(path), to: folder + "/" + path, below: folder)
        }
    }

    /// Removes what a process has left that was killed while it wrote the part.
    func clear() {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        for name in names where name.hasSuffix("/\(part).ndjson.zst.tmp") { unlink(folder + "/" + name) }
    }

    private mutating func flush() throws {
        for (path, bytes) in buffers.sorted(by: { $0.key < $1.key }) {
            if paths.insert(path).inserted {
                try DurableFile.folder(((folder + "/" + path) as NSString).deletingLastPathComponent)
            }
            try DurableFile.append(try Zstandard.frame(bytes), to: temporary(path))
        }
        buffers = [:]
        buffered = 0
    }

    private func temporary(_ path: String) -> String { folder + "/" + path + ".tmp" }
}
