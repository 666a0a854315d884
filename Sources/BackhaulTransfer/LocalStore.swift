internal import BackhaulDomain
package import BackhaulFiles
internal import BackhaulUnits
internal import Crypto
internal import Foundation

/// An object to store in a local folder.
package struct LocalPlacement: Sendable {
    /// The absolute path of the destination's folder.
    package var folder: String
    /// The object's path below the folder.
    package var key: String
    package var body: TransferBody
    /// Whether to read the object back from the disk after storing it.
    package var readsBack: Bool
    package var action: Action

    package enum Action: Hashable, Sendable {
        case store
        /// Fails with `objectExists` when there is an object.
        case storeIfAbsent
        /// Stores nothing, and reads and hashes the existing object instead.
        case read
        /// Stores nothing, and returns the size of the existing object.
        case look
        /// Removes the existing object.
        case remove
    }

    package init(folder: String, key: String, body: TransferBody, readsBack: Bool, action: Action = .store) {
        self.folder = folder
        self.key = key
        self.body = body
        self.readsBack = readsBack
        self.action = action
    }
}

/// Stores objects in local folders so that a reader sees the whole object or none: written under a temporary name,
/// fsynced, renamed, and the folder fsynced. An object keeps its file's permissions and modification time.
///
/// Temporary files are in `.backhaul-tmp` of the destination's folder, on the same file system. Each is locked
/// while it is written; `sweep` recognises the files of a killed process by their free lock and removes them.
package struct LocalStore: Sendable {
    private static let temporary = ".backhaul-tmp"
    private static let chunk = 256 << 10
    /// UTIME_OMIT, a macro that Swift does not import: leaves the time of access as it is.
    private static let omitTime = (1 << 30) - 2
    private let pool: ReaderPool

    package init(pool: ReaderPool) {
        self.pool = pool
    }

    /// Stores the object. Failures are part of the report; a cancel or an interruption stops between two chunks.
    /// - Throws: `CancellationError`.
    package func place(
        _ placement: LocalPlacement, interruption: Interruption? = nil, progress: TransferProgress? = nil
    ) async throws -> TransferReport {
        let cancelled = CancelFlag()
        let hurry = Hurry()
        defer { interruption?.disarm() }
        do {
            return try await withTaskCancellationHandler {
                try await pool.run(within: Self.patience, pulse: { cancelled.pulse }) { end in
                    hurry.set(end)
                    interruption?.arm {
                        cancelled.set()
                        end(Self.cleanUpTime)
                    }
                } _: {
                    do {
                        return try Self.store(placement, cancelled, progress)
                    } catch let failure as TransferError {
                        return TransferReport(failure: failure)
                    } catch let error as SourceFile.ReadError {
                        return TransferReport(failure: TransferError(error))
                    }
                }
            } onCancel: {
                cancelled.set()
                hurry.shorten(to: Self.cleanUpTime)
            }
        } catch is Overdue {
            // Should it go on some day, it must not replace what is stored until then.
            cancelled.set()
            if Task.isCancelled || interruption?.isInterrupted ?? false { throw CancellationError() }
            let minutes = Self.patience.components.seconds / 60
            return TransferReport(
                failure: .timedOut("the folder \(placement.folder) has taken nothing for \(minutes) minutes"))
        }
    }

    /// How long a folder may take for a step: to flush a large file to a slow disk takes minutes.
    private static let patience = Duration.seconds(600)
    /// How long an interrupted store may take to remove its temporary file.
    private static let cleanUpTime = Duration.seconds(5)

    /// Removes the files that killed processes left in the folder, and returns their number. A missing folder
    /// counts as empty, and so does `.backhaul-tmp` when it is a link: what it leads to is not ours. Blocks a reader
    /// thread briefly.
    package func sweep(_ folder: String) async throws -> Int {
        try await pool.run {
            let root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard root >= 0 else { return 0 }
            defer { close(root) }
            let shelf = openat(root, Self.temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard shelf >= 0 else { return 0 }
            guard let listing = fdopendir(shelf) else {
                close(shelf)
                return 0
            }
            // Closes `shelf` too.
            defer { closedir(listing) }
            var removed = 0
            while let entry = readdir(listing) {
                // Only a UUID is a name of ours.
                let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                    tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                guard UUID(uuidString: name) != nil else { continue }
                let file = openat(shelf, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
                guard file >= 0 else { continue }
                defer { close(file) }
                guard flock(file, LOCK_EX | LOCK_NB) == 0 else { continue }
                if unlinkat(shelf, name, 0) == 0 { removed += 1 }
            }
            return removed
        }
    }

    private static func store(
        _ placement: LocalPlacement, _ cancelled: CancelFlag, _ progress: TransferProgress?
    ) throws -> TransferReport {
        let root = open(placement.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else {
            throw TransferError.storeFailed(
                "the destination folder \(placement.folder) cannot be opened (\(String(cString: strerror(errno)))); "
                    + "create or mount it")
        }
        defer { close(root) }
        guard !placement.key.utf8.starts(with: (temporary + "/").utf8),
            !placement.key.utf8.elementsEqual(temporary.utf8)
        else {
            throw TransferError.storeRefused("keys in \(temporary) are reserved for unfinished objects")
        }
        switch placement.action {
        case .read: return try read(placement, below: root, cancelled)
        case .look: return try look(placement, below: root)
        case .remove: return try remove(placement, below: root)
        case .store, .storeIfAbsent: break
        }
        guard mkdirat(root, temporary, 0o700) == 0 || errno == EEXIST else {
            throw failure("creating \(temporary)", placement)
        }
        let shelf = openat(root, temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard shelf >= 0 else { throw failure("opening \(temporary)", placement) }
        defer { close(shelf) }

        let name = UUID().uuidString
        let file = openat(shelf, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("creating a temporary file", placement) }
        var isPlaced = false
        defer {
            if !isPlaced { unlinkat(shelf, name, 0) }
            close(file)
        }
        _ = flock(file, LOCK_EX | LOCK_NB)

        let digest = try write(placement, to: file, cancelled, progress)
        keep(placement.body.attributes, of: file)
        guard fsync(file) == 0 else { throw failure("writing to the disk", placement) }
        do {
            try PathWalk.withParent(of: placement.key, below: root, creating: true) { parent, last in
                try cancelled.check()
                if placement.action == .storeIfAbsent {
                    isPlaced = try putIfAbsent(name, shelf, at: last, parent, placement)
                } else {
                    guard renameat(shelf, name, parent, last) == 0 else {
                        throw PathWalk.WalkError(errno: errno, path: placement.key)
                    }
                    isPlaced = true
                }
                guard fsync(parent) == 0 else { throw PathWalk.WalkError(errno: errno, path: placement.key) }
            }
        } catch let walk as PathWalk.WalkError {
            errno = walk.errno
            throw failure("storing \(walk.message)", placement)
        }
        var report = TransferReport(bytesSent: placement.body.size, sha256: digest)
        if placement.readsBack {
            (report.receivedSHA256, report.bytesReceived) = try readBack(file, placement, cancelled)
        }
        return report
    }

    /// Gives a written file its name unless that is taken: by a link, which never replaces a name. A file system
    /// without links (FAT) is asked first whether the name is taken; between the two another writer may take it.
    /// - Returns: whether the temporary name is gone.
    private static func putIfAbsent(
        _ name: String, _ shelf: Int32, at last: String, _ parent: Int32, _ placement: LocalPlacement
    ) throws -> Bool {
        if linkat(shelf, name, parent, last, 0) == 0 { return unlinkat(shelf, name, 0) == 0 }
        let code = errno
        let isTaken = code == EEXIST || faccessat(parent, last, F_OK, AT_SYMLINK_NOFOLLOW) == 0
        if isTaken { throw TransferError.objectExists("\(placement.key) is in \(placement.folder) already") }
        guard [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(code), renameat(shelf, name, parent, last) == 0 else {
            throw PathWalk.WalkError(errno: code, path: placement.key)
        }
        return true
    }

    private static func remove(_ placement: LocalPlacement, below root: Int32) throws -> TransferReport {
        do {
            return try PathWalk.withParent(of: placement.key, below: root) { parent, name in
                guard unlinkat(parent, name, 0) == 0, fsync(parent) == 0 else {
                    throw PathWalk.WalkError(errno: errno, path: placement.key)
                }
                return TransferReport()
            }
        } catch let walk as PathWalk.WalkError {
            guard walk.errno == ENOENT || walk.errno == ENOTDIR else {
                throw TransferError.storeFailed("removing \(walk.message) in \(placement.folder) failed")
            }
            throw TransferError.objectMissing("\(placement.key) is not in \(placement.folder)")
        }
    }

    private static func look(_ placement: LocalPlacement, below root: Int32) throws -> TransferReport {
        do {
            return try PathWalk.withParent(of: placement.key, below: root) { parent, name in
                var status = stat()
                guard fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                    throw PathWalk.WalkError(errno: errno, path: placement.key)
                }
                guard status.st_mode & S_IFMT == S_IFREG else {
                    throw TransferError.storeRefused("\(placement.key) in \(placement.folder) is not a regular file")
                }
                return TransferReport(bytesReceived: ByteCount(clamping: status.st_size))
            }
        } catch let walk as PathWalk.WalkError {
            guard walk.errno == ENOENT || walk.errno == ENOTDIR else {
                throw TransferError.storeFailed("looking for \(walk.message) in \(placement.folder) failed")
            }
            throw TransferError.objectMissing("\(placement.key) is not in \(placement.folder)")
        }
    }

    private static func read(_ placement: LocalPlacement, below root: Int32, _ cancelled: CancelFlag) throws
        -> TransferReport
    {
        do {
            return try PathWalk.withParent(of: placement.key, below: root) { parent, name in
                let file = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
                guard file >= 0 else { throw PathWalk.WalkError(errno: errno, path: placement.key) }
                defer { close(file) }
                let (digest, count) = try readBack(file, placement, cancelled)
                return TransferReport(bytesReceived: count, receivedSHA256: digest)
            }
        } catch let walk as PathWalk.WalkError {
            guard walk.errno == ENOENT || walk.errno == ENOTDIR else {
                throw TransferError.storeFailed("reading \(walk.message) in \(placement.folder) failed")
            }
            // A folder that objects were written to has it; the mount point of a disk that is not there has not.
            guard faccessat(root, temporary, F_OK, AT_SYMLINK_NOFOLLOW) == 0 else {
                throw TransferError.storeFailed(
                    "\(placement.folder) has no \(temporary), as a folder that holds objects has; is its disk mounted?")
            }
            throw TransferError.objectMissing("\(placement.key) is not in \(placement.folder)")
        }
    }

    private static func write(
        _ placement: LocalPlacement, to file: Int32, _ cancelled: CancelFlag, _ progress: TransferProgress?
    ) throws -> String {
        switch placement.body {
        case .none:
            return Hex.encode(SHA256.hash(data: [UInt8]()))
        case .bytes(let loaded):
            try writeAll(loaded.bytes, to: file, placement)
            progress?.add(loaded.bytes.count)
            return loaded.sha256
        case .file(let source):
            return try copy(source, from: .zero, to: file, placement, cancelled, progress)
        case .slice(let slice):
            return try copy(slice.file, from: slice.offset, to: file, placement, cancelled, progress)
        }
    }

    private static func copy(
        _ source: SourceFile, from start: ByteCount, to file: Int32, _ placement: LocalPlacement,
        _ cancelled: CancelFlag, _ progress: TransferProgress?
    ) throws -> String {
        var hash = SHA256()
        var offset = ByteCount.zero
        while offset < placement.body.size {
            try cancelled.check()
            let bytes = try source.read(
                at: start + offset, size: min(ByteCount(clamping: chunk), placement.body.size - offset))
            hash.update(data: bytes)
            try writeAll(bytes, to: file, placement)
            offset += ByteCount(clamping: bytes.count)
            progress?.add(bytes.count)
        }
        try source.checkUnchanged()
        return Hex.encode(hash.finalize())
    }

    private static func writeAll(_ bytes: [UInt8], to file: Int32, _ placement: LocalPlacement) throws {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Foundation.write(file, buffer.baseAddress.map { $0 + done }, bytes.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("writing", placement) }
            done += count
        }
    }

    /// Gives the stored file the attributes of its source. File systems without permissions or times (FAT) and
    /// servers that map owners refuse that, and the object is stored nonetheless: it then has mode 0600 or that of its
    /// file system.
    private static func keep(_ attributes: FileAttributes?, of file: Int32) {
        guard let attributes else { return }
        _ = fchmod(file, mode_t(attributes.permissions))
        let (seconds, nanoseconds) = attributes.modifiedAt.parts
        let times = [timespec(tv_sec: 0, tv_nsec: omitTime), timespec(tv_sec: seconds, tv_nsec: nanoseconds)]
        _ = futimens(file, times)
    }

    private static func readBack(
        _ file: Int32, _ placement: LocalPlacement, _ cancelled: CancelFlag
    ) throws -> (String, ByteCount) {
        // Drops what was just written from the cache, so that the bytes come from the disk, not from memory.
        _ = posix_fadvise(file, 0, 0, Int32(POSIX_FADV_DONTNEED))
        var hash = SHA256()
        var buffer = [UInt8](repeating: 0, count: chunk)
        var offset: UInt64 = 0
        while true {
            try cancelled.check()
            let count = pread(file, &buffer, buffer.count, off_t(offset))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("reading back", placement) }
            if count == 0 { return (Hex.encode(hash.finalize()), ByteCount(offset)) }
            hash.update(data: buffer[0..<count])
            offset += UInt64(count)
        }
    }

    private static func failure(_ what: String, _ placement: LocalPlacement) -> TransferError {
        let code = errno
        let text = "\(what) in \(placement.folder) failed: \(String(cString: strerror(code)))"
        switch code {
        case ENAMETOOLONG, EISDIR, ENOTDIR, ELOOP, EINVAL, EACCES, EPERM: return .storeRefused(text)
        default: return .storeFailed(text)
        }
    }
}
