internal import BackhaulDestinations
internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulTelemetry
internal import BackhaulUnits
internal import Logging

/// Measures, traces and logs what a lane does.
struct AttemptReporter: Sendable {
    let kind: LaneKind
    /// The name of the worker.
    let worker: String
    let meters: WorkerMeters
    let tracer: Tracer?
    let failures: FailureLog
    let clock: any LogClock
    let logger: Logger

    func begins(_ attempt: Attempt) {
        let task = attempt.task
        let ripe = max(task.progress.due ?? .earliest, task.delivery.stored.appendedAt - task.delivery.skew)
        meters.wait.observe(max(.zero, attempt.begun - ripe).inSeconds, [kind.rawValue])
    }

    func ended(_ attempt: Attempt, _ end: AttemptEnd) {
        let destination = meters.label(attempt.task.task.destination.target)
        let seconds = max(.zero, clock.now - attempt.begun).inSeconds
        switch end {
        case .stopped: meters.uploads.observe(seconds, [destination, "interrupted"])
        case .failed(let failure): meters.uploads.observe(seconds, [destination, failure.kind.rawValue])
        case .stored(let object):
            meters.uploads.observe(seconds, [destination, "succeeded"])
            meters.bytes.add(Double(object.size.bytes), [destination])
        }
        trace(attempt, end)
    }

    private func trace(_ attempt: Attempt, _ end: AttemptEnd) {
        let task = attempt.task
        guard let tracer, let parent = TraceContext(task.trace) else { return }
        var attributes: [String: Span.Value] = [
            "backhaul.tenant": .text(task.task.identity.tenant.text),
            "backhaul.task_id": .text(task.task.identity.id.text),
            "backhaul.generation": .number(Int64(task.progress.generation)),
            "backhaul.attempt": .number(Int64(Domain.counting(task.progress.attempts))),
            "backhaul.destination": .text(task.task.destination.label.text),
            "backhaul.bytes": .number(Int64(clamping: task.task.size.bytes)),
        ]
        var error: String?
        switch end {
        case .stopped: attributes["backhaul.outcome"] = .text("interrupted")
        case .stored: attributes["backhaul.outcome"] = .text("succeeded")
        case .failed(let failure):
            attributes["backhaul.outcome"] = .text(failure.kind.rawValue)
            if let status = failure.httpStatus { attributes["http.response.status_code"] = .number(Int64(status)) }
            error = failure.message
        }
        tracer.record(
            Span(
                "upload", .consumer, parent,
                parent: TraceContext(HeaderName.trace(of: task.delivery.record))?.spanID,
                startedAt: attempt.startedAt, endedAt: clock.wall, attributes: attributes, error: error))
    }

    /// The lane has ended.
    func end() { meters.breakers.forget(lane: lane) }

    private var lane: String { "\(worker) \(kind.rawValue)" }

    /// Logs what the machine reports.
    func note(_ action: LaneAction) {
        switch action {
        case .malformed(let position, let error):
            logger.warning(
                "a record is not a task; moved to the dead letters",
                metadata: ["position": "\(position)", "error": "\(error)"])
            meters.malformed.add(1, [position.partition.topic])
        case .failed(let task, let failure, let next):
            failures.note(
                failure, task.task.destination.label,
                [
                    "task": "\(task.generation)", "failure": "\(failure)", "next": "\(next)",
                    "destination": "\(task.task.destination.label)", "key": "\(task.task.destination.key)",
                ])
        case .vanished(let position):
            logger.error(
                "the log no longer has the record of a task that waits; it is skipped",
                metadata: ["position": "\(position)"])
        case .opened(let isRoot, let name, let failure):
            meters.breakers.opened(isRoot, name, lane: lane, failure)
            logger.warning(
                isRoot
                    ? "a source root is not available; its tasks wait and spend no attempt"
                    : "a destination fails; its tasks wait and spend no attempt",
                metadata: [isRoot ? "root" : "destination": "\(name)", "failure": "\(failure)"])
        case .closed(let isRoot, let name):
            meters.breakers.closed(isRoot, name, lane: lane)
            logger.notice(
                isRoot ? "the source root is available again" : "the destination works again",
                metadata: [isRoot ? "root" : "destination": "\(name)"])
        default: return
        }
    }
}
