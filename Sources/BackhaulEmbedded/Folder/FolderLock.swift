internal import BackhaulLog
internal import Foundation

/// The ownership of a data folder: an exclusive `flock` on `owner.lock`, which the kernel releases when the process
/// ends for any reason.
package final class FolderLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock.
    /// - Throws: `LogError.inUse` when another process has it, `unusable` when the file cannot be opened.
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
        // The process id is only for messages; the lock decides.
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
        self.descriptor = descriptor
    }

    /// Whether the process of the folder's last owner exists, by its process id: a hint for people. Takes no lock: that
    /// could make an owner's own attempt fail.
    package static func isHeld(folder: String) -> Bool {
        guard let text = try? String(contentsOfFile: folder + "/owner.lock", encoding: .utf8),
            let owner = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines))
        else { return false }
        return kill(owner, 0) == 0 || errno == EPERM
    }

    deinit {
        Foundation.close(descriptor)
    }
}
