internal import BackhaulLog
internal import Foundation
internal import Synchronization

/// Notifies the processes that share a data folder of appended records.
///
/// Every process keeps `wake` open for writing, writes a byte after each commit, and watches the file with inotify.
/// Unlike a socket this wakes any number of readers, with or without an owner, and has no limit on the path length. A
/// writer that dies between its commit and its byte still wakes the others: the kernel closes its descriptor, which
/// raises an event too (IN_CLOSE_WRITE). The byte follows the commit, so a woken reader always sees the commit.
final class WakeFile: Sendable {
    private let descriptor: Int32
    private let token: FileWatch.Token
    private let isClosed = Atomic(false)
    private let queue = DispatchQueue(label: "backhaul.embedded.wake")
    private let isScheduled = Debounce()

    /// Whether `onWake` was called just now, and whether another event has arrived since.
    private final class Debounce: Sendable {
        private let state = Mutex((isBusy: false, isAsked: false))

        /// - Returns: whether to call `onWake` now.
        func set() -> Bool {
            state.withLock { state in
                if state.isBusy {
                    state.isAsked = true
                    return false
                }
                state.isBusy = true
                return true
            }
        }

        /// - Returns: whether another event has arrived.
        func clear() -> Bool {
            state.withLock { state in
                defer { state = (false, false) }
                return state.isAsked
            }
        }
    }

    /// - Parameter onWake: called on a private queue after this or another process has written.
    /// - Throws: `LogError.unusable`.
    init(folder: String, onWake: @escaping @Sendable () -> Void) throws {
        let path = folder + "/wake"
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw LogError.unusable(folder: folder, reason: "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        let queue = queue
        let isScheduled = isScheduled
        // This process's own commits arrive here as well: the first event calls `onWake` at once, those of the next few
        // milliseconds share one call.
        let look: @Sendable () -> Void = {
            guard isScheduled.set() else { return }
            onWake()
            queue.asyncAfter(deadline: .now() + .milliseconds(5)) {
                if isScheduled.clear() { onWake() }
            }
        }
        do {
            token = try FileWatch.shared.add(path, .writes) { queue.async(execute: look) }
        } catch {
            let reason = (error as? FileWatch.RefusedError)?.reason ?? "\(error)"
            Foundation.close(descriptor)
            throw LogError.unusable(folder: folder, reason: "cannot watch \(path): \(reason)")
        }
    }

    /// Wakes every process that watches the folder.
    func wake() {
        var byte: UInt8 = 1
        _ = pwrite(descriptor, &byte, 1, 0)
    }

    deinit { close() }

    func close() {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        FileWatch.shared.remove(token)
        Foundation.close(descriptor)
    }
}
