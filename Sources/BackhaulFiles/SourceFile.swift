internal import BackhaulDomain
package import BackhaulUnits
internal import Crypto
internal import Foundation

/// A file opened for upload: its descriptor, and its state when it was opened.
package final class SourceFile: Sendable {
    /// Identifies a state of a file.
    package struct Fingerprint: Hashable, Sendable {
        package var device: UInt64
        package var inode: UInt64
        package var size: ByteCount
        package var modifiedAt: FileTime
        package var changedAt: FileTime

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = ByteCount(clamping: status.st_size)
            modifiedAt = FileTime(seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
            changedAt = FileTime(seconds: status.st_ctim.tv_sec, nanoseconds: status.st_ctim.tv_nsec)
        }
    }

    package enum OpenError: Error, Hashable, Sendable {
        /// No file of that name, or none that can be reached without following a link.
        case missing(String)
        case unreadable(String)
        /// Temporary: no descriptor or memory left.
        case unavailable(String)
        /// A pipe, a device, a folder.
        case notAFile(String)
        /// The medium does not answer (ESTALE, EIO, ENXIO).
        case stale(String)
    }

    package enum ReadError: Error, Hashable, Sendable {
        /// The file is not as it was when opened: it ends early, or its size or time differs.
        case changed(String)
        case unreadable(String)
    }

    package let fingerprint: Fingerprint
    /// As when the file was opened.
    package let attributes: FileAttributes
    /// The path below its root, for messages.
    package let path: String
    let descriptor: Int32

    package var size: ByteCount { fingerprint.size }

    /// Opens `path` below the open folder `root`. Blocks.
    /// - Throws: `OpenError`.
    package init(path: String, below root: Int32) throws {
        do {
            let (descriptor, status) = try PathWalk.withParent(of: path, below: root) { folder, name in
                // Without O_NONBLOCK, opening a pipe would wait for its writer.
                let descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
                guard descriptor >= 0 else { throw PathWalk.WalkError(errno: errno, path: path) }
                var status = stat()
                guard fstat(descriptor, &status) == 0 else {
                    let code = errno
                    close(descriptor)
                    throw PathWalk.WalkError(errno: code, path: path)
                }
                return (descriptor, status)
            }
            guard status.st_mode & S_IFMT == S_IFREG else {
                close(descriptor)
                throw OpenError.notAFile("'\(path)' is not a regular file")
            }
            var byte: UInt8 = 0
            var now = stat()
            guard
                status.st_size > 0 || pread(descriptor, &byte, 1, 0) <= 0
                    || fstat(descriptor, &now) != 0 || now.st_size > 0
            else {
                close(descriptor)
                throw OpenError.unreadable(
                    "'\(path)' has content, but its file system says that it is empty; copy it to a disk first")
            }
            self.descriptor = descriptor
            self.path = path
            fingerprint = Fingerprint(status)
            attributes = FileAttributes(modifiedAt: fingerprint.modifiedAt, permissions: UInt32(status.st_mode))
        } catch let failure as PathWalk.WalkError {
            switch failure.errno {
            case ENOENT, ENOTDIR, ELOOP: throw OpenError.missing(failure.message)
            case ESTALE, EIO, ENXIO, ENODEV, ENOTCONN: throw OpenError.stale(failure.message)
            case EACCES, EPERM, EINVAL, ENAMETOOLONG: throw OpenError.unreadable(failure.message)
            default: throw OpenError.unavailable(failure.message)
            }
        }
    }

    deinit {
        close(descriptor)
    }

    /// Reads at most `size` bytes at `offset`. Blocks.
    /// - Throws: `ReadError.changed` at an early end of the file, `unreadable`.
    package func read(at offset: ByteCount, size: ByteCount) throws(ReadError) -> [UInt8] {
        let count = size.count
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = 0
            while filled < count {
                let got = pread(
                    descriptor, buffer.baseAddress.map { $0 + filled }, count - filled,
                    off_t(clamping: offset.bytes).addingClamped(off_t(filled)))
                if got < 0, errno == EINTR { continue }
                if got < 0 { code = errno }
                guard got > 0 else { break }
                filled += got
            }
        }
        guard code == 0 else { throw .unreadable("'\(path)': \(String(cString: strerror(code)))") }
        guard bytes.count == count else {
            throw .changed(
                "'\(path)' ends at byte \(offset.bytes.addingClamped(UInt64(bytes.count))), but had \(self.size.bytes) bytes"
            )
        }
        return bytes
    }

    /// Checks that size and modification time are as when the file was opened. Blocks.
    /// - Throws: `ReadError`.
    package func checkUnchanged() throws(ReadError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .unreadable("'\(path)': \(String(cString: strerror(errno)))")
        }
        let now = Fingerprint(status)
        guard now.size == fingerprint.size, now.modifiedAt == fingerprint.modifiedAt else {
            throw .changed(
                "'\(path)' had \(fingerprint.size) bytes when the upload began and has \(now.size) now")
        }
    }

    /// Reads and hashes the whole file. For small files; blocks.
    package func load() throws(ReadError) -> LoadedBytes {
        let bytes = try read(at: .zero, size: size)
        try checkUnchanged()
        return LoadedBytes(bytes: bytes, sha256: Hex.encode(SHA256.hash(data: bytes)), attributes: attributes)
    }
}
