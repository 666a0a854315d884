internal import BackhaulDomain
internal import Foundation

/// The files of one part: one for each day and class of tenants, each under a temporary name until all are written.
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
        let name = "day=\(day)/tenant_class=\(Self.escaped(tenantClass))/\(part).ndjson.zst"
        buffers[name, default: []] += line
        buffered += line.count
        if buffered >= Self.mostBuffered { try flush() }
    }

    /// Gives the files their names.
    /// - Returns: their paths below the folder, in order.
    /// - Throws: `ExportError`.
    mutating func finish() throws -> [String] {
        try flush()
        for path in paths { try DurableFile.publish(temporary(path), as: folder + "/" + path) }
        return paths.sorted()
    }

    private mutating func flush() throws {
        for (path, bytes) in buffers.sorted(by: { $0.key < $1.key }) {
            if paths.insert(path).inserted {
                try DurableFile.folder(((folder + "/" + path) as NSString).deletingLastPathComponent)
                // Left by a process that was killed.
                unlink(temporary(path))
            }
            try DurableFile.append(try Zstandard.frame(bytes), to: temporary(path))
        }
        buffers = [:]
        buffered = 0
    }

    private func temporary(_ path: String) -> String { folder + "/" + path + ".tmp" }

    /// As Hive names the partition of a value that is missing.
    private static func escaped(_ tenantClass: String) -> String {
        guard !tenantClass.isEmpty else { return "none" }
        return String(
            decoding: tenantClass.utf8.flatMap { byte -> [UInt8] in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    [byte]
                default: Array(("%" + Hex.encode([byte])).utf8)
                }
            }, as: UTF8.self)
    }
}
