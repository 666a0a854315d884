import Dispatch
import Foundation
import Synchronization

/// Streams of SIGTERM and SIGINT, and of SIGHUP. From the first stream on, its signals no longer end the process.
///
/// The sources are created once per process. On Linux, libdispatch delivers a signal to only one of several sources,
/// and a cancelled source removes the signal's registration, even when another source has registered since.
final class SignalStream: Sendable {
    private enum Kind {
        case end
        case reload

        var numbers: [Int32] {
            switch self {
            case .end: [SIGTERM, SIGINT]
            case .reload: [SIGHUP]
            }
        }
    }

    private struct State {
        var listeners: [Int: AsyncStream<Int32>.Continuation] = [:]
        var next = 0
        /// Signals that arrived without a listener, between two phases of the program.
        var pending: [Int32] = []
    }

    private static let ends = SignalStream(.end)
    private static let reloads = SignalStream(.reload)

    private let state = Mutex(State())
    /// Unchecked: dispatch sources are thread-safe; Dispatch has not declared them Sendable on Linux.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

    /// Returns a stream of all signals from now on, and of those that arrived without a listener.
    static func make() -> AsyncStream<Int32> { ends.listen() }

    /// Returns a stream of SIGHUPs: requests to reload the configuration.
    static func makeReloads() -> AsyncStream<Int32> { reloads.listen() }

    /// Stops SIGHUP from ending the process. A later listener receives the SIGHUPs that arrive until then.
    static func catchReloads() { _ = reloads }

    private init(_ kind: Kind) {
        let queue = DispatchQueue(label: "backhaul.signals")
        let numbers = kind.numbers
        sources = numbers.map { DispatchSource.makeSignalSource(signal: $0, queue: queue) }
        for (number, source) in zip(numbers, sources) {
            signal(number, SIG_IGN)
            source.setEventHandler { [weak self] in self?.tell(number) }
            source.resume()
        }
    }

    private func listen() -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingNewest(4))
        let (id, pending) = state.withLock { state in
            state.next += 1
            state.listeners[state.next] = continuation
            defer { state.pending = [] }
            return (state.next, state.pending)
        }
        for number in pending { continuation.yield(number) }
        continuation.onTermination = { [weak self] _ in
            _ = self?.state.withLock { $0.listeners.removeValue(forKey: id) }
        }
        return stream
    }

    private func tell(_ number: Int32) {
        let listeners = state.withLock { state in
            if state.listeners.isEmpty { state.pending.append(number) }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.yield(number) }
    }
}
