internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulTelemetry
internal import Logging

/// What every task of a lane works with. One object: a task's run holds one reference in place of twenty values, and there
/// are as many runs as the lane has tasks in hand.
final class LaneTools: Sendable {
    let kind: Lane.Kind
    let options: WorkerOptions
    let settler: Settler
    let writer: DecisionWriter
    let execution: UploadExecution
    let gate: any UploadGate
    /// How many may be on their way from the start of the upload to a decision in the log.
    let decisions: SlotGate
    let marks: InFlightMarks
    /// Every retry tier there is, in milliseconds: those configured, and those that exist and have to be drained.
    let tiers: [Int64]
    let cancellations: Cancellations
    /// One for all lanes of the worker.
    let checkpoints: CheckpointReader
    let clock: any LogClock
    let random: @Sendable () -> Double
    let meters: WorkerMeters
    let tracer: Tracer?
    let logger: Logger

    /// How many of the decisions under way are settled at once.
    static func batch(_ decisions: Int) -> Int { max(64, decisions / 2) }

    init(
        kind: Lane.Kind, session: any LogSession, tiers: [Int64], options: WorkerOptions, execution: UploadExecution,
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
        let limits = options.limits(of: kind)
        decisions = SlotGate(slots: limits.decisions)
        let writer = DecisionWriter(layout: options.layout, worker: options.name)
        self.writer = writer
        let settler = Settler(
            session: session, writer: writer, largestBatch: Self.batch(limits.decisions), clock: clock, meters: meters,
            logger: logger)
        self.settler = settler
        marks = InFlightMarks(after: options.markAfter, clock: clock) { task, startedAt in
            let now = clock.wall
            let record = try writer.started(task, startedAt: startedAt, now: now)
            _ = try await settler.settle(try writer.checkpoint(task, isInFlight: true, with: [record]))
        }
    }
}
