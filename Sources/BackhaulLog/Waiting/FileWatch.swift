internal import Foundation
internal import Synchronization

/// The one inotify instance of a process, for all files that it watches: by default all programs of a user together may
/// have 128 (`fs.inotify.max_user_instances`).
package final class FileWatch: Sendable {
    package static let shared = FileWatch()

    /// What a watch tells.
    package enum Interest: Sendable {
        /// A file was written, or closed by a writer.
        case writes
        /// An entry of a folder was made, replaced, removed, closed by a writer, or has other permissions.
        case entries

        fileprivate var mask: UInt32 {
            switch self {
            case .writes: UInt32(IN_MODIFY) | UInt32(IN_CLOSE_WRITE)
            case .entries:
                UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM) | UInt32(IN_CREATE)
                    | UInt32(IN_DELETE) | UInt32(IN_ATTRIB) | UInt32(IN_ONLYDIR)
            }
        }
    }

    private struct State {
        var descriptor: Int32 = -1
        // Dispatch sources are thread-safe objects; Dispatch has not declared them Sendable on Linux.
        var source: (any DispatchSourceRead)?
        var last = 0
        /// By watch descriptor; all watchers of a file share one.
        var handlers: [Int32: [Int: @Sendable () -> Void]] = [:]
    }

    /// Identifies a watch for `remove`.
    package struct Token: Sendable {
        fileprivate let descriptor: Int32
        fileprivate let number: Int
    }

    /// The kernel refuses a watch.
    package struct RefusedError: Error {
        package let reason: String

        /// - Parameter advice: what to do when `errno` is `full`.
        init(_ full: Int32, _ advice: String) {
            let code = errno
            reason = String(cString: strerror(code)) + (code == full ? "; \(advice)" : "")
        }
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "backhaul.file-watch")

    private init() {}

    /// - Parameter handler: called on a queue of this object after such an event; must not block.
    /// - Throws: `RefusedError`.
    package func add(
        _ path: String, _ interest: Interest, _ handler: @escaping @Sendable () -> Void
    ) throws -> Token {
        try state.withLock { state in
            if state.descriptor < 0 { try open(&state) }
            let watch = inotify_add_watch(state.descriptor, path, interest.mask)
            guard watch >= 0 else {
                throw RefusedError(ENOSPC, "raise fs.inotify.max_user_watches")
            }
            state.last += 1
            state.handlers[watch, default: [:]][state.last] = handler
            return Token(descriptor: watch, number: state.last)
        }
    }

    package func remove(_ token: Token) {
        state.withLock { state in
            state.handlers[token.descriptor]?[token.number] = nil
            guard state.handlers[token.descriptor]?.isEmpty ?? false else { return }
            state.handlers[token.descriptor] = nil
            inotify_rm_watch(state.descriptor, token.descriptor)
        }
    }

    private func open(_ state: inout State) throws {
        let made = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard made >= 0 else {
            throw RefusedError(EMFILE, "raise fs.inotify.max_user_instances or the limit of open files")
        }
        let source = DispatchSource.makeReadSource(fileDescriptor: made, queue: queue)
        source.setEventHandler { [self] in read(made) }
        source.resume()
        state.descriptor = made
        state.source = source
    }

    /// Drains all events, which only identify their file, and calls the handlers of each file once.
    private func read(_ descriptor: Int32) {
        var written: Set<Int32> = []
        var isWhole = false
        withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 8) { buffer in
            while case let count = Foundation.read(descriptor, buffer.baseAddress, buffer.count), count > 0 {
                var offset = 0
                let head = MemoryLayout<inotify_event>.size
                while offset + head <= count {
                    let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    // The kernel's queue has overflowed: any file may have been written.
                    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { isWhole = true }
                    written.insert(event.wd)
                    offset += head + Int(event.len)
                }
            }
        }
        let handlers = state.withLock { state in
            state.handlers.filter { isWhole || written.contains($0.key) }.flatMap { Array($0.value.values) }
        }
        for handler in handlers { handler() }
    }
}
