internal import Dispatch
internal import Synchronization

/// Threads that read, hash and write local files, so that no loop and no cooperative thread waits for a disk.
package final class ReaderPool: Sendable {
    /// Work that somebody waits for.
    private struct Job: Sendable {
        let limit: Duration
        var deadline: ContinuousClock.Instant
        /// Changes as long as the work gets on; nil for work that is short.
        var pulse: (@Sendable () -> UInt64)?
        var lastPulse: UInt64 = 0
        let giveUp: @Sendable (any Error) -> Void
    }

    private struct State {
        var jobs: [UInt64: Job] = [:]
        var last: UInt64 = 0
        var isWatched = false
    }

    private let queue = DispatchQueue(label: "backhaul.files", attributes: .concurrent)
    private let state = Mutex(State())

    package init() {}

    /// Runs blocking work and returns its value.
    package func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try work() }) }
        }
    }

    /// Runs blocking work that may hang. It keeps its thread then, since the kernel cannot be asked to stop, but nobody
    /// waits for it.
    /// - Parameters:
    ///   - limit: how long it may take, or go without a new value of `pulse`.
    ///   - arm: is given a function that leaves the work no more than a time from then on.
    /// - Throws: `Overdue`; errors of the work.
    package func run<Value: Sendable>(
        within limit: Duration, pulse: (@Sendable () -> UInt64)? = nil,
        arm: ((@escaping @Sendable (Duration) -> Void) -> Void)? = nil,
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let job = Job(limit: limit, deadline: .now + limit, pulse: pulse) { continuation.resume(throwing: $0) }
            let id = add(job)
            arm? { [self] time in hurry(id, time) }
            queue.async {
                let result = Result { try work() }
                // The one that takes the job out resumes the continuation.
                if self.take(id) != nil { continuation.resume(with: result) }
            }
        }
    }

    /// Starts blocking work and does not wait for it.
    package func submit(_ work: @escaping @Sendable () -> Void) {
        queue.async(execute: work)
    }

    private func add(_ job: Job) -> UInt64 {
        let (id, watches) = state.withLock { state in
            state.last += 1
            state.jobs[state.last] = job
            defer { state.isWatched = true }
            return (state.last, !state.isWatched)
        }
        if watches { watch() }
        return id
    }

    private func take(_ id: UInt64) -> Job? { state.withLock { $0.jobs.removeValue(forKey: id) } }

    private func hurry(_ id: UInt64, _ time: Duration) {
        guard time > .zero else {
            take(id)?.giveUp(CancellationError())
            return
        }
        state.withLock { state in
            guard let job = state.jobs[id] else { return }
            state.jobs[id]?.deadline = min(job.deadline, .now + time)
            // It may not have more, even if it gets on.
            state.jobs[id]?.pulse = nil
        }
    }

    /// Looks every second, as long as there is work, for work that takes too long.
    private func watch() {
        Self.clock.asyncAfter(deadline: .now() + 1) { [self] in
            let now = ContinuousClock.now
            let (late, isBusy) = state.withLock { state in
                var late: [Job] = []
                for (id, job) in state.jobs {
                    if let pulse = job.pulse?(), pulse != job.lastPulse {
                        state.jobs[id]?.lastPulse = pulse
                        state.jobs[id]?.deadline = now + job.limit
                    } else if job.deadline <= now {
                        late.append(job)
                        state.jobs[id] = nil
                    }
                }
                state.isWatched = !state.jobs.isEmpty
                return (late, state.isWatched)
            }
            for job in late { job.giveUp(Overdue()) }
            if isBusy { watch() }
        }
    }

    /// Separate from the pool, whose threads may all hang.
    private static let clock = DispatchQueue(label: "backhaul.files.clock")
}
