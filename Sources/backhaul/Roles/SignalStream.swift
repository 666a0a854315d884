import Dispatch
import Foundation
import Synchronization

/// SIGTERM and SIGINT as a stream, and SIGHUP as another; from the first stream on the process no longer dies of them.
///
/// The sources are made once for the process: libdispatch on Linux tells a signal to one of several sources, and a source
/// that is cancelled takes the signal's registration with it, whoever registered since.
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
        /// Came while nobody listened, between one phase of the program and the next.
        var pending: [Int32] = []
    }

    private static let ends = SignalStream(.end)
    private static let reloads = SignalStream(.reload)

    private let state = Mutex(State())
    /// Unchecked: dispatch sources are thread-safe; Dispatch has not declared them Sendable on Linux.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

    /// The signals that come from now on, and those that came while nobody listened.
    static func make() -> AsyncStream<Int32> { ends.listen() }

    /// SIGHUPs: the configuration is to be read again.
    static func makeReloads() -> AsyncStream<Int32> { reloads.listen() }

    /// From now on a SIGHUP does not end the process; who listens later is told of it.
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
