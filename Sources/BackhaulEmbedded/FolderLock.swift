internal import BackhaulLog
internal import Foundation

/// The ownership of a data folder: an exclusive `flock` on `owner.lock`, which the kernel takes back when the process
/// dies, however it dies.
package final class FolderLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock.
    /// - Throws: `LogError.inUse` when a living process has it, `unusable` when the file cannot be made.
    package init(folder: String) throws {
        let path = folder + "/owner.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw LogError.unusable(folder: folder, reason: "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            var text = [UInt8](repeating: 0, count: 32)
            let count = pread(descriptor, &text, text.count, 0)
            Foundation.close(descriptor)
            let owner = String(decoding: text.prefix(max(0, count)), as: UTF8.self)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            throw LogError.inUse(folder: folder, owner: owner.isEmpty ? "another process" : "process \(owner)")
        }
        // The number is for people only; the lock itself is what counts.
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
        self.descriptor = descriptor
    }

    deinit {
        Foundation.close(descriptor)
    }
}
