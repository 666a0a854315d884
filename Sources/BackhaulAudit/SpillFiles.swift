internal import Foundation

/// What an audit has read about each task generation, partitioned by hash into files, so that each part fits in
/// memory.
final class SpillFiles {
    /// What one record says about a generation.
    enum Fact: UInt8 {
        case accepted
        case result
        /// Unfinished in a topic that workers read.
        case inTasks
        case inRetry
        /// A terminal outcome that is not acknowledged yet.
        case inOutcomes
        /// A result with the status `failed`.
        case failed
        /// A dead letter.
        case letter
    }

    private static let parts = 64
    private static let flushSize = 256 << 10
    private let folder: String
    private var handles: [FileHandle] = []
    private var buffers: [[UInt8]]

    init() throws {
        folder = NSTemporaryDirectory() + "backhaul-audit-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        buffers = Array(repeating: [], count: Self.parts)
        for part in 0..<Self.parts {
            let path = folder + "/\(part)"
            _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
            handles.append(try FileHandle(forUpdating: URL(fileURLWithPath: path)))
        }
    }

    deinit {
        for handle in handles { try? handle.close() }
        try? FileManager.default.removeItem(atPath: folder)
    }

    func add(_ fact: Fact, _ name: String) throws {
        let bytes = Array(name.utf8.prefix(0xffff))
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        let part = Int(hash >> 32) % Self.parts
        buffers[part] += [fact.rawValue, UInt8(bytes.count >> 8), UInt8(bytes.count & 0xff)] + bytes
        if buffers[part].count >= Self.flushSize { try flush(part) }
    }

    private func flush(_ part: Int) throws {
        try handles[part].write(contentsOf: Data(buffers[part]))
        buffers[part] = []
    }

    /// Calls `each` with every generation's facts, part by part.
    func fold(_ each: (String, [Fact: Int]) throws -> Void) throws {
        for part in 0..<Self.parts {
            try flush(part)
            try handles[part].seek(toOffset: 0)
            let bytes = [UInt8](try handles[part].readToEnd() ?? Data())
            var facts: [String: [Fact: Int]] = [:]
            var index = 0
            while index + 3 <= bytes.count {
                let count = Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
                guard let fact = Fact(rawValue: bytes[index]), index + 3 + count <= bytes.count else { break }
                let name = String(decoding: bytes[index + 3..<index + 3 + count], as: UTF8.self)
                facts[name, default: [:]][fact, default: 0] += 1
                index += 3 + count
            }
            for (name, found) in facts.sorted(by: { $0.key < $1.key }) { try each(name, found) }
        }
    }
}
