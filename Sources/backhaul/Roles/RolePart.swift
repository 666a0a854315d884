import BackhaulSettings
import BackhaulTelemetry

/// A part of a role: a worker, the view, the log, a client. All parts have one life cycle, and `ServiceProcess` runs
/// it: `run` while the process runs, `drain` in the order of the list, `close` in that order once everything has
/// stopped.
struct RolePart: Sendable {
    /// Runs until it is stopped or fails; calls the closure once it serves. nil for a part that only has to be closed.
    var run: (@Sendable (_ onReady: @escaping @Sendable () -> Void) async throws -> Void)?
    /// Whether the process is ready only after this part is.
    var isAwaited = false
    /// Why the part makes the process unready; nil when it does not. Returns at once.
    var obstacle: (@Sendable () -> String?)?
    /// What operators should know although the part works; nil for nothing. Returns at once.
    var remark: (@Sendable () -> String?)?
    var metrics: (@Sendable () -> [MetricFamily])?
    /// At a SIGHUP, before the configuration is read again and even if it cannot be: reads files of its own.
    var refresh: (@Sendable () -> Void)?
    /// Applies settings that were read again at a SIGHUP.
    var reload: (@Sendable (Settings) async -> Void)?
    /// At the first signal, before the servers stop to answer: tells others that this process is going.
    var withdraw: (@Sendable () async -> Void)?
    /// Takes no new work, finishes or hands back what it has, settles, and leaves.
    var drain: (@Sendable () async -> Void)?
    /// At a second signal: interrupts work in progress, which costs no attempt.
    var hurry: (@Sendable () async -> Void)?
    /// Releases resources at the very end.
    var close: (@Sendable () async -> Void)?
}
