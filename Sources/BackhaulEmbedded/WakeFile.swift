internal import BackhaulLog
internal import Foundation
internal import Synchronization

/// How processes that share a data folder tell each other that records were appended.
///
/// Every process keeps `wake` open for writing and writes a byte after each commit; each watches the file by inotify.
/// Unlike a socket this wakes any number of readers, with an owner or without one, and has no path limit. A writer
/// that dies between its commit and its byte still wakes the others: the kernel closes its descriptor, which is an
/// event too (IN_CLOSE_WRITE). The order is commit, then byte, so a woken reader always sees the commit.
final class WakeFile: Sendable {
    private let descriptor: Int32
    private let watch: Int32
    // Dispatch sources are thread-safe objects; Dispatch has not declared them Sendable on Linux.
    private nonisolated(unsafe) let source: any DispatchSourceRead
    private let queue = DispatchQueue(label: "backhaul.embedded.wake")
    private let isScheduled = Debounce()

    /// Whether a look was just taken, and whether another one was asked for since.
    private final class Debounce: Sendable {
        private let state = Mutex((isBusy: false, isAsked: false))

        /// - Returns: whether to look now.
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

        /// - Returns: whether another look was asked for.
        func clear() -> Bool {
            state.withLock { state in
                defer { state = (false, false) }
                return state.isAsked
            }
        }
    }

    /// - Parameter onWake: called on a private queue after other processes, or this one, wrote.
    init(folder: String, onWake: @escaping @Sendable () -> Void) throws {
        let path = folder + "/wake"
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw LogError.unusable(folder: folder, reason: "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        let watch = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard watch >= 0, inotify_add_watch(watch, path, UInt32(IN_MODIFY) | UInt32(IN_CLOSE_WRITE)) >= 0 else {
            let reason = String(cString: strerror(errno))
            if watch >= 0 { Foundation.close(watch) }
            Foundation.close(descriptor)
            throw LogError.unusable(
                folder: folder,
                reason: "cannot watch \(path): \(reason); raise fs.inotify.max_user_watches or max_user_instances")
        }
        self.watch = watch
        source = DispatchSource.makeReadSource(fileDescriptor: watch, queue: queue)
        let queue = queue
        let isScheduled = isScheduled
        source.setEventHandler {
            // The events say nothing but "look"; drain them all and look once.
            var buffer = [UInt8](repeating: 0, count: 4_096)
            while read(watch, &buffer, buffer.count) > 0 {}
            // This process's own commits arrive here as well: the first look is at once, those of the next few
            // milliseconds become one.
            guard isScheduled.set() else { return }
            onWake()
            queue.asyncAfter(deadline: .now() + .milliseconds(5)) {
                if isScheduled.clear() { onWake() }
            }
        }
        source.setCancelHandler { [descriptor] in
            Foundation.close(watch)
            Foundation.close(descriptor)
        }
        source.resume()
    }

    /// Tells every process that watches the folder.
    func wake() {
        var byte: UInt8 = 1
        _ = pwrite(descriptor, &byte, 1, 0)
    }

    func close() {
        source.cancel()
    }
}
