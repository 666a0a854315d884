import BackhaulDomain
import BackhaulEmbedded
import BackhaulFiles
import BackhaulIngest
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
// stat: in a release build the compiler finds its definition there.
import CoreFoundation
import Foundation

/// One `submit`: walks, accepts in batches, and remembers only what it has to report or wait for.
actor Submission {
    /// What `submit` prints.
    struct Summary: Encodable {
        struct Rejection: Encodable {
            var path: String
            var code: String
            var message: String
        }

        var batch: ByteText
        var accepted = 0
        var known = 0
        var rejected: [Rejection] = []
        /// All of them; `rejected` lists the first 10,000.
        var rejectedCount = 0
        var bytes: UInt64 = 0
    }

    private(set) var summary: Summary
    private let log: any MessageLog
    /// The embedded log's folder: never submitted itself.
    private let folder: String?
    private let layout: TopicLayout
    private let ingest: Ingest
    private let roots: SourceRoots
    private let tenant: ByteText
    private let place: DestinationReference.Place
    private let prefix: String
    private let filter: FileWalk.Filter
    private let deadline: Int64?
    private let waits: Bool

    private var drafts: [TaskDraft] = []
    /// Hashes of the keys that this submission has used.
    private var keys: Set<Int> = []
    /// Roots whose file system is written down.
    private var confirmed: Set<ByteText> = []
    private var awaited: Set<TaskIdentity> = []
    private var hasKnown = false
    /// Those of the awaited that were known already.
    private var known: Set<TaskIdentity> = []
    /// Where to look on for results.
    private var nextResults: [TopicPartition: Int64] = [:]
    /// Of a task with several generations the latest counts; an earlier failure was replayed.
    private var failed: Set<TaskIdentity> = []
    private var bar = ProgressBar()
    private static let batchSize = 500
    private static let listedRejections = 10_000

    init(
        log: any MessageLog, folder: String?, settings: Settings, tenant: ByteText, batch: ByteText,
        place: DestinationReference.Place,
        prefix: String, filter: FileWalk.Filter, deadline: Int64?, waits: Bool
    ) {
        self.log = log
        layout = settings.layout
        ingest = Ingest(
            log: log, layout: settings.layout, clock: SystemLogClock(), largeThreshold: settings.largeThreshold,
            isOrdered: settings.isOrdered)
        self.folder = folder
        roots = settings.sourceRoots(folder: folder)
        self.tenant = tenant
        self.place = place
        self.prefix = prefix.isEmpty || prefix.hasSuffix("/") ? prefix : prefix + "/"
        self.filter = filter
        self.deadline = deadline
        self.waits = waits
        summary = Summary(batch: batch)
    }

    // MARK: Sources

    /// Submits a file, a folder, or what a pattern matches.
    func submit(_ path: String) async throws {
        if !FileManager.default.fileExists(atPath: path), path.contains(where: { "*?[".contains($0) }) {
            let matches = Self.matches(of: path)
            if matches.isEmpty { reject(path, "no-match", "nothing matches the pattern") }
            for match in matches { try await submitOne(match) }
            return
        }
        try await submitOne(path)
    }

    private static func matches(of pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
    }

    private func submitOne(_ path: String) async throws {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            return reject(path, errno == ENOENT ? "missing" : "unreadable", String(cString: strerror(errno)))
        }
        let isLink = status.st_mode & S_IFMT == S_IFLNK
        // A link that the user names is meant: it is followed once, here, and never on the way down.
        if isLink, stat(path, &status) != 0 { return reject(path, "missing", "the link leads nowhere") }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        guard let resolved = Self.resolve(path) else {
            return reject(path, "unreadable", String(cString: strerror(errno)))
        }
        let folder = isFolder ? resolved : Self.parent(of: resolved)
        let name = isFolder ? "" : Self.tail(of: resolved, below: folder)
        guard let root = try rootName(of: folder, for: path) else { return }
        try await walk(root, folder: folder, start: name, shown: path)
    }

    /// Submits paths from a stream; their keys are relative to the current folder.
    func submit(listFrom handle: FileHandle, separator: UInt8) async throws {
        guard let here = Self.resolve(".") else { throw CommandFailure("the current folder cannot be read") }
        var rest = Data()
        func take(_ line: Data) async throws {
            guard !line.isEmpty else { return }
            guard !line.contains(0) else {
                return reject(
                    String(decoding: line.prefix { $0 != 0 }, as: UTF8.self), "bad-name",
                    "the line has a NUL byte in it; give --null when the paths end with NUL")
            }
            guard let path = String(data: line, encoding: .utf8) else {
                return reject(String(decoding: line, as: UTF8.self), "bad-name", "the path is not UTF-8")
            }
            try await submitListed(path, here)
        }
        while let data = try handle.read(upToCount: 64 << 10), !data.isEmpty {
            rest.append(data)
            while let end = rest.firstIndex(of: separator) {
                try await take(Data(rest[rest.startIndex..<end]))
                rest = Data(rest[rest.index(after: end)...])
            }
            // A path is no longer than this; anything else is no list of paths.
            guard rest.count <= 64 << 10 else {
                throw CommandFailure("standard input holds no list of paths: no separator in 64 KiB", exit: .usage)
            }
        }
        try await take(rest)
    }

    private func submitListed(_ path: String, _ here: String) async throws {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            return reject(path, errno == ENOENT ? "missing" : "unreadable", String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT != S_IFLNK else {
            return reject(path, "symlink", "symbolic links are not followed; submit what it points to")
        }
        guard let resolved = Self.resolve(path) else {
            return reject(path, "unreadable", String(cString: strerror(errno)))
        }
        guard resolved.utf8.starts(with: (here == "/" ? "/" : here + "/").utf8) else {
            return reject(path, "outside", "paths from standard input must lie below the current folder")
        }
        guard let root = try rootName(of: here, for: path) else { return }
        try await walk(
            root, folder: here, start: Self.tail(of: resolved, below: here), shown: path)
    }

    private func rootName(of folder: String, for path: String) throws -> (name: ByteText, path: String)? {
        do {
            return try roots.name(of: folder)
        } catch RootFailure.unknown {
            reject(path, "outside-roots", "the path lies in none of the allowed roots (sources.roots)")
            return nil
        }
    }

    private static func resolve(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// The folder that holds an absolute, resolved path. By bytes, as the kernel parts it.
    private static func parent(of path: String) -> String {
        let end = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        return end == path.startIndex ? "/" : String(path[..<end])
    }

    /// What an absolute path adds to a folder above it.
    private static func tail(of path: String, below folder: String) -> String {
        String(decoding: path.utf8.dropFirst(folder == "/" ? 1 : folder.utf8.count + 1), as: UTF8.self)
    }

    // MARK: Walking

    /// - Parameters:
    ///   - folder: what keys are relative to; at or below the root.
    ///   - start: a file or folder below `folder`; empty for all of it.
    private func walk(_ root: (name: ByteText, path: String), folder: String, start: String, shown: String) async throws
    {
        let inside = ByteText(folder) == ByteText(root.path) ? "" : Self.tail(of: folder, below: root.path)
        let walk: FileWalk
        do {
            walk = try FileWalk(root: folder, start: start, filter: filter, skipping: self.folder)
        } catch {
            return reject(shown, "unreadable", "\(error)")
        }
        while let entry = walk.next() {
            switch entry {
            case .problem(let path, let code, let message):
                reject(path.isEmpty ? shown : path, code, message)
            case .file(let path, let size, let modifiedAt):
                // Only now: an unmounted disk's empty mount point must not take the disk's place.
                if confirmed.insert(root.name).inserted { try roots.confirm(root.name, path: root.path) }
                let key = ByteText(prefix + path)
                guard keys.insert(key.hashValue).inserted else {
                    reject(path, "same-key", "another file of this submission has the key '\(key)' already")
                    continue
                }
                drafts.append(
                    TaskDraft(
                        tenant: tenant, batch: summary.batch,
                        source: SourceReference(
                            root: root.name, path: ByteText(inside.isEmpty ? path : inside + "/" + path)),
                        destination: DestinationReference(place: place, key: key), size: size, modifiedAt: modifiedAt,
                        deadline: deadline))
                if drafts.count >= Self.batchSize { try await flush() }
            }
        }
    }

    private func reject(_ path: String, _ code: String, _ message: String) {
        summary.rejectedCount += 1
        guard summary.rejected.count < Self.listedRejections else { return }
        summary.rejected.append(Summary.Rejection(path: path, code: code, message: message))
    }

    private func flush() async throws {
        guard !drafts.isEmpty else { return }
        let acceptances = try await ingest.accept(drafts)
        for (draft, acceptance) in zip(drafts, acceptances) {
            switch acceptance {
            case .accepted(let identity, _):
                summary.accepted += 1
                summary.bytes += draft.size
                if waits { awaited.insert(identity) }
            case .known(let identity, _):
                summary.known += 1
                hasKnown = true
                if waits {
                    awaited.insert(identity)
                    known.insert(identity)
                }
            case .conflict(let identity, _):
                reject(draft.source.path.text, "id-conflict", "task \(identity) exists with other content")
            case .rejected(let violation):
                reject(draft.source.path.text, violation.code, violation.message)
            }
        }
        drafts = []
        let (accepted, known) = (summary.accepted, summary.known)
        bar.show("submitted \(accepted), known \(known)")
    }

    /// Hands in what is left.
    func finish() async throws {
        try await flush()
        bar.clear()
    }

    // MARK: Waiting

    /// Where the results end now.
    func resultEnds() async throws -> [TopicPartition: Int64] {
        Dictionary(try await log.bounds(layout.results).map { ($0.partition, $0.end) }) { first, _ in first }
    }

    /// Waits until each accepted or known task has a result.
    /// - Parameters:
    ///   - starts: where results ended before the submission; known tasks may have theirs earlier.
    ///   - text: what a terminal shows of done and total.
    /// - Returns: how many did not succeed.
    func waitForResults(from starts: [TopicPartition: Int64], _ text: (Int, Int) -> String) async throws -> Int {
        let changes = await log.changes()
        nextResults = hasKnown ? starts.mapValues { _ in Int64(0) } : starts
        let total = awaited.count
        try await log.watch(nextResults)
        try await lookForResults()
        if hasKnown, !awaited.isEmpty { try await lookForLetters() }
        bar.show(text(total - awaited.count, total))
        if !awaited.isEmpty {
            for await _ in changes {
                try await lookForResults()
                bar.show(text(total - awaited.count, total))
                if awaited.isEmpty { break }
            }
        }
        bar.clear()
        return failed.count
    }

    /// A task may be known by its dead letter alone, when its result has aged out before it: there is nothing to wait for.
    private func lookForLetters() async throws {
        var found: Set<TaskIdentity> = []
        for bounds in try await log.bounds(layout.deadLetters) {
            try await log.scan(bounds.partition, to: bounds.end) { records in
                for stored in records {
                    guard let task = DeadLetter(stored).task else { continue }
                    if known.contains(task.identity), awaited.contains(task.identity) { found.insert(task.identity) }
                }
            }
        }
        awaited.subtract(found)
        failed.formUnion(found)
    }

    private func lookForResults() async throws {
        for (partition, offset) in nextResults {
            nextResults[partition] = try await log.follow(partition, from: offset) { records in
                for stored in records { self.take(stored) }
            }
        }
    }

    private func take(_ stored: StoredRecord) {
        // The headers say enough; the document is read where they are not ours.
        let ended: (task: TaskGeneration, status: OutcomeKind)
        if let read = ResultRecord.ending(stored.record) {
            ended = read
        } else if let document = try? ResultRecord.read(stored.record),
            let status = OutcomeKind(rawValue: document.status)
        {
            ended = (document.task, status)
        } else {
            return
        }
        let identity = ended.task.identity
        let isAwaited = awaited.remove(identity) != nil
        if ended.status == .succeeded {
            failed.remove(identity)
        } else if isAwaited {
            failed.insert(identity)
        }
    }
}
