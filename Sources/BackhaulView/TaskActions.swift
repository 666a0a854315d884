package import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
package import BackhaulUnits

/// The actions of owners on their tasks: PhotoKit's cancel and acknowledge. (A retry is a replay of one task.)
///
/// Each action is a record in the log. The task's state in the view only decides whether to write it.
package struct TaskActions: Sendable {
    /// The result of a cancel.
    package enum Cancel: Hashable, Sendable {
        /// The task's result is "cancelled".
        case cancelled
        /// The task had already ended, or ended first.
        case ended(TaskState)
        /// The cancel is written, but not decided within the given time. The task's result will show it.
        case pending
    }

    /// The result of an acknowledgment.
    package enum Acknowledge: Hashable, Sendable {
        case acknowledged
        /// The task has not ended, so it cannot be acknowledged.
        case unfinished(TaskState)
        case unknown
    }

    private let log: any MessageLog
    private let layout: TopicLayout
    private let view: StatusView
    private let clock: any LogClock

    package init(log: any MessageLog, layout: TopicLayout, view: StatusView, clock: any LogClock) {
        self.log = log
        self.layout = layout
        self.view = view
        self.clock = clock
    }

    /// Cancels a task's latest generation.
    ///
    /// The cancel is an outcome like a worker's: the first terminal one in the task's partition wins. Workers learn
    /// of it from the control topic, where the acknowledger writes it together with the result. The result has
    /// `objectMayExist` set, since an upload may be in progress; the worker's report corrects the view.
    /// - Parameters:
    ///   - caller: the name of the caller, for the record.
    ///   - patience: how long to wait for the result.
    /// - Throws: `LogError`; the cancel may have been written or not, and may be repeated.
    package func cancel(_ status: TaskStatus, caller: String, patience: Duration) async throws -> Cancel {
        let task = status.task
        if status.state == .cancelled { return .cancelled }
        if status.state.isTerminal { return .ended(status.state) }
        _ = try await log.append([try Self.cancelRequest(status, caller: caller, at: clock.wall, layout)])
        switch try await ends(of: [task], patience: patience)[0] {
        case .cancelled: return .cancelled
        case let state? where state.isTerminal: return .ended(state)
        default: return .pending
        }
    }

    /// What the log gets for a cancel.
    package static func cancelRequest(
        _ status: TaskStatus, caller: String, at now: Timestamp, _ layout: TopicLayout
    ) throws -> AppendRequest {
        let outcome = Outcome(
            kind: .cancelled, task: status.task, batch: status.batch,
            destination: DestinationReference(target: .named(status.destination), key: status.key),
            attempts: status.attempts, crashes: status.crashes, size: status.size,
            worker: Outcome.callerPrefix + caller,
            acceptedAt: status.acceptedAt, startedAt: now, finishedAt: now, objectMayExist: true,
            submittedBy: status.submittedBy)
        return try OutcomeRecord.request(outcome, layout, trace: nil)
    }

    /// The states of these generations, in order, once all have ended or `patience` is over; nil for one that the view
    /// does not show any more.
    private func ends(of tasks: [TaskGeneration], patience: Duration) async throws -> [TaskState?] {
        let end = clock.now + patience
        let signal = view.watch()
        defer { view.unwatch(signal) }
        var states = [TaskState?](repeating: nil, count: tasks.count)
        var open = Array(tasks.indices)
        while true {
            try await view.catchUp()
            let found = try await view.tasks(open.map { tasks[$0].identity })
            for index in open {
                states[index] = found[tasks[index].identity].flatMap { $0.task == tasks[index] ? $0.state : nil }
            }
            open.removeAll { states[$0]?.isTerminal ?? true }
            if open.isEmpty || clock.now >= end { return states }
            // The signal comes with each page. To ask for many tasks after each would cost more than it tells.
            if open.count > 1 { try await clock.sleep(until: min(end, clock.now + .milliseconds(50))) }
            await signal.wait(until: min(end, clock.now + .milliseconds(500)), by: clock)
        }
    }

    /// Acknowledges the results of tasks, which then no longer count against their tenant's limit.
    /// - Returns: one answer per task, in order.
    /// - Throws: `LogError`.
    package func acknowledge(_ identities: [TaskIdentity], caller: String) async throws -> [Acknowledge] {
        var answers: [Acknowledge] = []
        var requests: [AppendRequest] = []
        let now = clock.wall
        for identity in identities {
            guard let status = try await view.task(identity) else {
                answers.append(.unknown)
                continue
            }
            guard status.state.isTerminal else {
                answers.append(.unfinished(status.state))
                continue
            }
            answers.append(.acknowledged)
            guard !status.isAcknowledged else { continue }
            let note = Outcome(
                kind: .acknowledged, task: status.task, batch: status.batch,
                destination: DestinationReference(target: .named(status.destination), key: status.key),
                attempts: status.attempts, crashes: status.crashes, size: status.size,
                worker: Outcome.callerPrefix + caller,
                acceptedAt: status.acceptedAt, startedAt: now, finishedAt: now, submittedBy: status.submittedBy)
            requests.append(try OutcomeRecord.request(note, layout, trace: nil))
        }
        if !requests.isEmpty { _ = try await log.append(requests) }
        return answers
    }
}
