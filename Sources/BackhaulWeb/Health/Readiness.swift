internal import Synchronization

/// Whether a process works, as `/readyz` says it.
package final class Readiness: Sendable {
    private struct State {
        var isReady = false
        var checks: [@Sendable () -> String?] = []
        var remarks: [@Sendable () -> String?] = []
    }

    private let state = Mutex(State())

    package init() {}

    package func set(_ isReady: Bool) { state.withLock { $0.isReady = isReady } }

    /// Adds something that has to hold beside. It must answer at once, from what is known.
    /// - Parameter check: why the process is not ready; nil when nothing is in the way.
    package func add(_ check: @escaping @Sendable () -> String?) { state.withLock { $0.checks.append(check) } }

    /// Adds something that people should know though the process is ready. It must answer at once.
    package func addRemark(_ remark: @escaping @Sendable () -> String?) {
        state.withLock { $0.remarks.append(remark) }
    }

    /// What people should know of a process that is ready.
    var remarks: [String] { state.withLock { $0.remarks }.compactMap { $0() } }

    /// What is in the way; nil when it is ready.
    var obstacle: String? {
        let (isReady, checks) = state.withLock { ($0.isReady, $0.checks) }
        guard isReady else { return "it starts, or it stops" }
        return checks.lazy.compactMap { $0() }.first
    }
}
