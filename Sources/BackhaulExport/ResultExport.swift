package import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits
internal import Foundation

/// Writes the results of a log into a folder: files of lines of JSON, compressed by zstd, by day and class of tenants.
///
/// A part is a range of offsets of one partition. Its bounds are in the state before it is written, under temporary
/// names; then the state has the names of its files; then they get them; then the part is done. The next process writes
/// a part that has bounds again, and gives the files of one that has them their names. So all files together have each
/// result once, whenever one looks at those of parts that are done.
package struct ResultExport: Sendable {
    package struct Summary: Hashable, Sendable, Codable {
        /// That this run has read; those of a part that an earlier run had read are in `files` alone.
        package var results = 0
        package var files = 0
        /// Records of the topic that are not results: conflicts, and what cannot be read.
        package var others = 0

        package init() {}
    }

    private let log: any MessageLog
    private let layout: TopicLayout
    private let folder: String
    private let source: String
    private let rows: Int
    private let skipsGone: Bool
    private let tenantClass: @Sendable (ByteText) -> String

    /// Results of a part.
    package static let standardRows = 100_000

    /// - Parameters:
    ///   - source: the log, for people, and to keep the results of another log out of the folder.
    ///   - rows: results of a part, at most.
    ///   - skipsGone: whether to go on behind results that the log has removed.
    package init(
        log: any MessageLog, layout: TopicLayout, folder: String, source: String, rows: Int = standardRows,
        skipsGone: Bool = false, tenantClass: @escaping @Sendable (ByteText) -> String
    ) {
        self.log = log
        self.layout = layout
        self.folder = folder
        self.source = source
        self.rows = max(1, rows)
        self.skipsGone = skipsGone
        self.tenantClass = tenantClass
    }

    /// Exports what is not exported yet.
    /// - Parameter deliver: takes the path of each new file below the folder, before the part counts as done; called
    ///   again for a part that was interrupted.
    /// - Throws: `ExportError`; `LogError`; what `deliver` throws.
    package func run(deliver: (String) async throws -> Void = { _ in }) async throws -> Summary {
        try DurableFile.folder(folder)
        let lock = try FolderClaim(folder)
        defer { lock.release() }
        var state = try ExportState.read(folder) ?? ExportState(source: source)
        guard state.source == source else { throw ExportError.otherLog(folder: folder, was: state.source) }
        var summary = Summary()
        for bounds in try await log.decidedBounds(layout.results) {
            let key = String(bounds.partition.partition)
            var position = state.partitions[key] ?? ExportState.Position(next: bounds.earliest)
            while true {
                if position.next < bounds.earliest {
                    guard skipsGone || state.partitions[key] == nil else {
                        throw ExportError.gone(
                            partition: bounds.partition.partition, from: position.next, earliest: bounds.earliest)
                    }
                    position = ExportState.Position(next: bounds.earliest)
                }
                let end = position.pending ?? min(bounds.end, position.next.addingClamped(Int64(rows)))
                guard position.next < end else { break }
                var part = PartFiles(folder: folder, part: "\(key)-\(position.next)-\(end)")
                let files: [String]
                if let whole = position.files {
                    files = whole
                } else {
                    if position.pending != nil { part.clear() }
                    position.pending = end
                    state.partitions[key] = position
                    try state.write(folder)
                    files = try await write(bounds.partition, position.next..<end, &part, &summary)
                    position.files = files
                    state.partitions[key] = position
                    try state.write(folder)
                }
                try part.publish(files)
                for path in files { try await deliver(path) }
                summary.files += files.count
                position = ExportState.Position(next: end)
                state.partitions[key] = position
                try state.write(folder)
            }
        }
        return summary
    }

    private func write(
        _ partition: TopicPartition, _ range: Range<Int64>, _ part: inout PartFiles, _ summary: inout Summary
    ) async throws -> [String] {
        var files = part
        var found = Summary()
        try await log.scan(partition, from: range.lowerBound, to: range.upperBound) { records in
            for stored in records {
                guard let result = try? ResultRecord.read(stored.record), let time = TimeText.parse(result.finishedAt)
                else {
                    found.others += 1
                    continue
                }
                let name = tenantClass(result.tenant)
                var line = Array(
                    "{\"offset\":\(stored.position.offset),\"partition\":\(partition.partition),\"tenantClass\":".utf8)
                line += try JSONEncoder().encode(name)
                line.append(UInt8(ascii: ","))
                line += try result.encoded().dropFirst()
                line.append(UInt8(ascii: "\n"))
                try files.add(line, day: String(TimeText.format(time.timestamp).prefix(10)), tenantClass: name)
                found.results += 1
            }
        }
        let paths = try files.seal()
        part = files
        summary.results += found.results
        summary.others += found.others
        return paths
    }
}

/// Keeps other exports out of a folder while one runs.
private struct FolderClaim {
    private let descriptor: Int32

    init(_ folder: String) throws {
        let path = folder + "/_lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw ExportError.folder(path, reason: String(cString: strerror(errno))) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw ExportError.inUse(folder)
        }
    }

    func release() { close(descriptor) }
}
