internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulTelemetry
internal import Logging

/// What every task of a lane needs. It is one object, so that a `TaskRun` holds one reference instead of twenty
/// values; there is one run per task that the lane runs.
final class LaneContext: Sendable {
    let kind: Lane.Kind
    let options: WorkerOptions
    let settler: Settler
    let writer: DecisionWriter
    let execution: UploadExecution
    let gate: any UploadGate
    /// Limits the tasks between the start of the upload and the decision in the log.
    let decisions: SlotGate
    let marks: InFlightMarks
    /// All retry tiers: those configured, and those that exist and have to be drained.
    let tiers: [Duration]
    let cancellations: Cancellations
    /// Shared by all lanes of the worker.
    let checkpoints: CheckpointReader
    let clock: any LogClock
    let random: @Sendable () -> Double
    let meters: WorkerMeters
    let tracer: Tracer?
    let logger: Logger
    let failures: FailureLog

    /// The maximum number of decisions in one flush.
    static func batch(_ decisions: Int) -> Int { max(64, decisions / 2) }

    init(
        kind: Lane.Kind, session: any LogSession, tellsContent: Bool, tiers: [Duration], options: WorkerOptions,
        execution: UploadExecution,
        gate: any UploadGate, cancellations: Cancellations, checkpoints: CheckpointReader, clock: any LogClock,
        random: @escaping @Sendable () -> Double, meters: WorkerMeters, tracer: Tracer?, logger: Logger
    ) {
        self.kind = kind
        self.options = options
        self.execution = execution
        self.gate = gate
        self.tiers = tiers
        self.cancellations = cancellations
        self.checkpoints = checkpoints
        self.clock = clock
        self.random = random
        self.meters = meters
        self.tracer = tracer
        self.logger = logger
        failures = FailureLog(logger)
        let limits = options.limits(of: kind)
        decisions = SlotGate(slots: limits.decisions)
        let writer = DecisionWriter(layout: options.layout, worker: options.name, tellsContent: tellsContent)
        self.writer = writer
        let settler = Settler(
            session: session, writer: writer, largestBatch: Self.batch(limits.decisions), clock: clock, meters: meters,
            logger: logger)
        self.settler = settler
        marks = InFlightMarks(after: options.markAfter, every: options.reportEvery, clock: clock) {
            task, startedAt, sent in
            let now = clock.wall
            guard let sent else {
                let record = try writer.started(task, startedAt: startedAt, now: now)
                _ = try await settler.settle(try writer.checkpoint(task, isInFlight: true, with: [record]))
                return
            }
            _ = try await settler.settle(try writer.progressed(task, sent: sent, startedAt: startedAt, now: now))
        }
    }
}
