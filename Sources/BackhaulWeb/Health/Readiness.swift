internal import Synchronization

/// Whether a process is ready, as `/readyz` reports it.
package final class Readiness: Sendable {
    private struct State {
        var isReady = false
        var checks: [@Sendable () -> String?] = []
        var remarks: [@Sendable () -> String?] = []
    }

    private let state = Mutex(State())

    package init() {}

    package func set(_ isReady: Bool) { state.withLock { $0.isReady = isReady } }

    /// Adds a further condition. It must return at once, from state in memory.
    /// - Parameter check: returns why the process is not ready, or nil.
    package func add(_ check: @escaping @Sendable () -> String?) { state.withLock { $0.checks.append(check) } }

    /// Adds a warning about a ready process. It must return at once.
    package func addRemark(_ remark: @escaping @Sendable () -> String?) {
        state.withLock { $0.remarks.append(remark) }
    }

    /// Warnings about a ready process.
    var remarks: [String] { state.withLock { $0.remarks }.compactMap { $0() } }

    /// Why the process is not ready; nil when it is.
    package var obstacle: String? {
        let (isReady, checks) = state.withLock { ($0.isReady, $0.checks) }
        guard isReady else { return "the process is starting or stopping" }
        return checks.lazy.compactMap { $0() }.first
    }
}
