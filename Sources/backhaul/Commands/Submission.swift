import BackhaulDestinations
import BackhaulDomain
import BackhaulEmbedded
import BackhaulFiles
import BackhaulIngest
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import BackhaulUnits
import BackhaulView
// For `stat`: a release build finds its definition here.
import CoreFoundation
import Foundation

/// One run of `submit`: walks, submits in batches, and keeps only what it must report or wait for.
actor Submission {
    private(set) var summary: Summary
    let log: any MessageLog
    /// The embedded log's folder; nil for Kafka.
    private let folder: String?
    private let skipping: [FileWalk.Skipped]
    private let mounts = MountTable.current
    let layout: TopicLayout
    private let ingest: Ingest
    private let roots: SourceRoots
    let tenant: ByteText
    private let target: DestinationReference.Target
    /// What the destination does with a key that is taken.
    private let overwrite: OverwritePolicy
    private let prefix: String
    private var filter: NameFilter
    private let deadline: Timestamp?
    private let waits: Bool
    private let policy: KnownPolicy
    private let sendsAgain: Bool
    /// What has become of tasks that the log has already.
    let known: ([TaskIdentity]) async throws -> [TaskIdentity: KnownTask]
    /// Whether to ask for each file before it is accepted: on a log that does not find repetitions.
    private(set) var asksFirst: Bool
    /// Whether to accept the files when nobody can be asked any more.
    private let goesOnAlone: Bool
    /// Told what has become of each file, and when it was stored.
    private let report: (_ key: ByteText, _ word: String, _ storedAt: Timestamp?) -> Void

    private var drafts: [TaskDraft] = []
    /// Hashes of the keys that this submission has used.
    private var keys: Set<Int> = []
    /// Roots whose file system is recorded.
    private var confirmed: Set<ByteText> = []
    /// The generation whose result is awaited.
    var awaited: [TaskIdentity: Int] = [:]
    /// The next offset to read results from.
    var nextResults: [TopicPartition: Int64] = [:]
    /// Tasks whose latest generation did not succeed.
    var failed: Set<TaskIdentity> = []
    /// Awaited tasks that were cancelled since the last look at their next generations.
    var cancelled: [TaskIdentity: (generation: Int, asks: Int)] = [:]
    var bar = ProgressBar()
    private static let batchSize = 500
    private static let listedRejections = 10_000

    init(
        log: any MessageLog, folder: String?, settings: Settings, tenant: ByteText, batch: ByteText,
        target: DestinationReference.Target,
        prefix: String, filter: NameFilter, deadline: Timestamp?, waits: Bool, policy: KnownPolicy,
        sendsAgain: Bool, asksFirst: Bool, goesOnAlone: Bool = false,
        known: @escaping ([TaskIdentity]) async throws -> [TaskIdentity: KnownTask],
        report: @escaping (_ key: ByteText, _ word: String, _ storedAt: Timestamp?) -> Void
    ) {
        self.policy = policy
        self.sendsAgain = sendsAgain
        self.known = known
        self.asksFirst = asksFirst
        self.goesOnAlone = goesOnAlone
        self.report = report
        self.log = log
        layout = settings.layout
        ingest = Ingest(
            log: log, layout: settings.layout, clock: SystemLogClock(), largeThreshold: settings.largeThreshold,
            isOrdered: settings.isOrdered)
        self.folder = folder
        var skipping = [
            folder.map {
                FileWalk.Skipped(folder: $0, code: "data-folder", message: "the log's own folder is not submitted")
            }
        ]
        if case .named(let name) = target, let place = settings.destinations[name]?.type.localFolder {
            skipping.append(
                FileWalk.Skipped(
                    folder: place, code: "destination-folder",
                    message: "the folder of the destination '\(name)' is not submitted"))
        }
        self.skipping = skipping.compactMap(\.self)
        roots = settings.sourceRoots(folder: folder)
        self.tenant = tenant
        self.target = target
        overwrite = (try? settings.destinationTable.resolve(target))?.overwrite ?? .replace
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
        // Only a link that the user names is followed; links below it are not.
        if isLink, stat(path, &status) != 0 { return reject(path, "missing", "the link's target cannot be read") }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        guard let resolved = Self.resolve(path) else {
            return reject(path, "unreadable", String(cString: strerror(errno)))
        }
        guard !isSkipped(resolved, shown: path) else { return }
        let folder = isFolder ? resolved : Self.parent(of: resolved)
        let name = isFolder ? "" : Self.tail(of: resolved, below: folder)
        guard let root = try rootName(of: folder, for: path) else { return }
        try await walk(root, folder: folder, start: name, shown: path)
    }

    /// Submits paths from a stream; their keys are relative to the current folder.
    func submit(listFrom handle: FileHandle, separator: UInt8) async throws {
        guard let here = Self.resolve(".") else { throw CommandError("the current folder cannot be read") }
        var rest = Data()
        func take(_ line: Data) async throws {
            guard !line.isEmpty else { return }
            guard !line.contains(0) else {
                return reject(
                    String(decoding: line.prefix { $0 != 0 }, as: UTF8.self), "bad-name",
                    "the line contains a NUL byte; give --null when the paths end with NUL")
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
            // No path is longer than this.
            guard rest.count <= 64 << 10 else {
                throw CommandError("standard input is not a list of paths: no separator in 64 KiB", exit: .usage)
            }
        }
        try await take(rest)
    }

    private func submitListed(_ path: String, _ here: String) async throws {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT, path.utf8.last == UInt8(ascii: "\r") {
                return reject(
                    path, "missing",
                    "the line ends with a carriage return, as text files of Windows do; convert the list")
            }
            return reject(path, errno == ENOENT ? "missing" : "unreadable", String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT != S_IFLNK else {
            return reject(path, "symlink", "symbolic links are not followed; submit the link's target")
        }
        guard let resolved = Self.resolve(path) else {
            return reject(path, "unreadable", String(cString: strerror(errno)))
        }
        guard resolved.utf8.starts(with: (here == "/" ? "/" : here + "/").utf8) else {
            return reject(path, "outside", "paths from standard input must be below the current folder")
        }
        guard !isSkipped(resolved, shown: path) else { return }
        guard let root = try rootName(of: here, for: path) else { return }
        try await walk(
            root, folder: here, start: Self.tail(of: resolved, below: here), shown: path)
    }

    private func rootName(of folder: String, for path: String) throws -> (name: ByteText, path: String)? {
        do {
            return try roots.name(of: folder)
        } catch RootError.unknown {
            reject(path, "outside-roots", "the path is not below an allowed root (sources.roots)")
            return nil
        }
    }

    /// Rejects what the user names inside a folder that is not submitted.
    private func isSkipped(_ resolved: String, shown: String) -> Bool {
        for what in skipping {
            guard let folder = Self.resolve(what.folder) else { continue }
            guard ByteText(resolved) == ByteText(folder) || resolved.utf8.starts(with: (folder + "/").utf8) else {
                continue
            }
            reject(shown, what.code, what.message)
            return true
        }
        return false
    }

    private static func resolve(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Returns the folder of an absolute, resolved path. Splits by bytes, as the kernel does.
    private static func parent(of path: String) -> String {
        let end = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        return end == path.startIndex ? "/" : String(path[..<end])
    }

    /// Returns an absolute path relative to a folder above it.
    private static func tail(of path: String, below folder: String) -> String {
        String(decoding: path.utf8.dropFirst(folder == "/" ? 1 : folder.utf8.count + 1), as: UTF8.self)
    }

    // MARK: Walking

    /// - Parameters:
    ///   - folder: the base of the keys; at or below the root.
    ///   - start: a file or folder below `folder`; empty for all of it.
    private func walk(_ root: (name: ByteText, path: String), folder: String, start: String, shown: String) async throws
    {
        let inside = ByteText(folder) == ByteText(root.path) ? "" : Self.tail(of: folder, below: root.path)
        let walk: FileWalk
        do {
            walk = try FileWalk(root: folder, start: start, filter: filter, skipping: skipping, mounts: mounts)
        } catch {
            return reject(shown, "unreadable", "\(error)")
        }
        defer { filter = walk.filter }
        while let entry = walk.next() {
            try Task.checkCancellation()
            switch entry {
            case .skipped(let path, let code, let message):
                summary.leftOut.append(Summary.Rejection(path: path, code: code, message: message))
            case .problem(let path, let code, let message):
                reject(path.isEmpty ? shown : path, code, message)
            case .file(let path, let size, let modifiedAt):
                // Only once a file is found: the empty mount point of an unmounted disk must not be recorded.
                if confirmed.insert(root.name).inserted {
                    try roots.confirm(root.name, path: root.path)
                    if let data = self.folder { DataFolderOwner.adopt(data) }
                }
                let key = ByteText(prefix + path)
                guard keys.insert(key.hashValue).inserted else {
                    reject(path, "same-key", "another file of this submission already has the key '\(key)'")
                    continue
                }
                drafts.append(
                    TaskDraft(
                        tenant: tenant, batch: summary.batch,
                        source: SourceReference(
                            root: root.name, path: ByteText(inside.isEmpty ? path : inside + "/" + path)),
                        destination: DestinationReference(target: target, key: key), size: size, modifiedAt: modifiedAt,
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

    private var submitter: Submitter { Submitter(name: CommandUser.name, way: .commandLine) }

    private func flush() async throws {
        guard !drafts.isEmpty else { return }
        var fresh = drafts
        drafts = []
        if asksFirst { fresh = try await resolve(before: fresh) }
        guard !fresh.isEmpty else { return showCounts() }
        let acceptances = try await ingest.accept(fresh, by: submitter)
        var known: [(draft: TaskDraft, identity: TaskIdentity)] = []
        for (draft, acceptance) in zip(fresh, acceptances) {
            switch acceptance {
            case .accepted(let identity, _): accept(draft, identity, generation: 0)
            case .known(let identity, _): known.append((draft, identity))
            case .conflict(let identity, _):
                reject(draft.source.path.text, "id-conflict", "task \(identity) exists with other content")
            case .rejected(let violation):
                reject(draft.source.path.text, violation.code, violation.message)
            }
        }
        try await resolve(known)
        showCounts()
    }

    /// Asks what has become of files, and does with those that the fleet knows what is to be done.
    /// - Returns: the others.
    private func resolve(before drafts: [TaskDraft]) async throws -> [TaskDraft] {
        let tasks = drafts.map { Ingest.task($0, acceptedAt: .earliest) }
        let found: [TaskIdentity: KnownTask]
        do {
            found = try await known(tasks.map(\.identity))
        } catch let error as CommandError where error.exit == .temporary && goesOnAlone {
            Stderr.say(
                "\(error); the rest is accepted whether or not the fleet knows it: each file still has one result")
            asksFirst = false
            return drafts
        }
        var fresh: [TaskDraft] = []
        var seen: [(draft: TaskDraft, identity: TaskIdentity)] = []
        for (draft, task) in zip(drafts, tasks) {
            guard let before = found[task.identity] else {
                fresh.append(draft)
                continue
            }
            if try !before.fingerprint.isEmpty && before.fingerprint != TaskFingerprint.of(task) {
                reject(draft.source.path.text, "id-conflict", "task \(task.identity) exists with other content")
            } else {
                seen.append((draft, task.identity))
            }
        }
        try await resolve(seen, found)
        return fresh
    }

    private func showCounts() {
        let (accepted, count) = (summary.accepted, summary.known)
        bar.show("submitted \(accepted), known \(count)")
    }

    private func accept(_ draft: TaskDraft, _ identity: TaskIdentity, generation: Int) {
        summary.accepted += 1
        summary.size += draft.size
        if generation > 0 { summary.again += 1 }
        if waits { awaited[identity] = generation }
        report(draft.destination.key, generation > 0 ? "accepted again" : "accepted", nil)
    }

    private func resolve(_ files: [(draft: TaskDraft, identity: TaskIdentity)]) async throws {
        guard !files.isEmpty else { return }
        try await resolve(files, try await known(files.map(\.identity)))
    }

    /// Submits again those of the known files that are to be.
    private func resolve(
        _ files: [(draft: TaskDraft, identity: TaskIdentity)], _ found: [TaskIdentity: KnownTask]
    ) async throws {
        guard !files.isEmpty else { return }
        var again: [(draft: TaskDraft, generation: Int)] = []
        var before: [KnownFile] = []
        for (draft, identity) in files {
            let task = found[identity]
            let file = KnownFile(task)
            switch file.action(policy, again: sendsAgain) {
            case .sendAgain:
                if let task, let next = TaskGeneration(identity: identity, generation: task.generation).next {
                    again.append((draft, next.generation))
                    before.append(file)
                    continue
                }
                reject(draft.source.path.text, "last-generation", "it cannot be submitted again under this id")
            case .leave:
                if file == .underWay, waits { awaited[identity] = task?.generation ?? 0 }
                // Left as they are, they count as what they are.
                if waits, file == .failed || file == .expired || file == .cancelled { failed.insert(identity) }
            case .refuse:
                reject(
                    draft.source.path.text, file.word,
                    file == .forgotten
                        ? "the log knows its id, but no longer what became of it" : "its last upload ended so")
            }
            summary.count(file)
            report(draft.destination.key, file.word, file.storedAt)
        }
        guard !again.isEmpty else { return }
        let acceptances = try await ingest.again(again, by: submitter)
        for (((draft, generation), file), acceptance) in zip(zip(again, before), acceptances) {
            switch acceptance {
            case .accepted(let identity, _):
                accept(draft, identity, generation: generation)
                summary.againAfter[file.word, default: 0] += 1
            // Another submission was faster.
            case .known(let identity, _), .conflict(let identity, _):
                if waits { awaited[identity] = generation }
                summary.count(.underWay)
                report(draft.destination.key, KnownFile.underWay.word, nil)
            case .rejected(let violation): reject(draft.source.path.text, violation.code, violation.message)
            }
        }
    }

    /// Looks for files whose keys other files have. A submission neither fails nor waits long because of that.
    func findSharedKeys(_ view: @escaping @Sendable () async throws -> StatusView) async {
        guard summary.accepted > 0 else { return }
        let (batch, tenant) = (summary.batch, tenant)
        do {
            let found = try await withThrowingTaskGroup(of: (count: Int, first: [StatusView.SharedKey])?.self) {
                group in
                group.addTask { try await view().sharedKeys(batch: batch, tenant: tenant, limit: 10) }
                group.addTask {
                    try await ContinuousClock().sleep(for: .seconds(10))
                    return nil
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
            guard let found else {
                return Stderr.say(
                    "whether other files have the same keys is unknown: the view is too far behind the log")
            }
            summary.sharedKeyCount = found.count
            summary.sharedKeys = found.first.map {
                Summary.SharedKey(key: $0.key, holder: $0.holder.path, holderBatch: $0.holderBatch)
            }
            summary.saySharedKeys(overwrite)
        } catch {
            Stderr.say("whether other files have the same keys is unknown: \(Explanation.of(error))")
        }
    }

    /// Submits the remaining drafts.
    func finish() async throws {
        summary.unmatchedPatterns = filter.unmatched.map(\.text)
        try await flush()
        bar.clear()
    }
}
