internal import BackhaulDestinations
internal import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
package import BackhaulTelemetry
internal import BackhaulUnits
package import Logging
internal import Synchronization

/// A worker role: takes tasks, uploads them and decides their outcome. It keeps all state in the log.
package final class Worker: Sendable {
    private let log: any MessageLog
    private let options: WorkerOptions
    private let execution: UploadExecution
    private let cancellations: Cancellations
    private let checkpoints: CheckpointReader
    private let meters: WorkerMeters
    private let tracer: Tracer?
    private let clock: any LogClock
    private let random: @Sendable () -> Double
    private let logger: Logger
    private struct State {
        var lanes: [Lane] = []
        var isStopped = false
    }

    private let state = Mutex(State())

    /// - Parameter random: returns a number in 0 ..< 1, for the jitter of delays.
    package init(
        log: any MessageLog, options: WorkerOptions, execution: UploadExecution, cancellations: Cancellations? = nil,
        meters: WorkerMeters = WorkerMeters(), tracer: Tracer? = nil, clock: any LogClock,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }, logger: Logger
    ) {
        self.log = log
        self.options = options
        checkpoints = CheckpointReader(log: log, layout: options.layout)
        self.execution = execution
        self.meters = meters
        self.tracer = tracer
        self.cancellations = cancellations ?? Cancellations(log: log, layout: options.layout)
        self.clock = clock
        self.random = random
        self.logger = logger
    }

    /// Runs until `stop`.
    /// - Parameter onReady: called once all groups are joined.
    /// - Throws: `LogError` when the log has failed for good.
    package func run(onReady: @escaping @Sendable () -> Void = {}) async throws {
        let layout = options.layout
        // Every retry topic that exists is drained, even if its tier is no longer configured.
        guard let topics = try await asking({ try await self.log.topics() }) else { return }
        // Read before the first task: what was cancelled while no worker ran must not be uploaded.
        guard try await asking({ try await self.cancellations.catchUp(isWhole: true) }) != nil else { return }
        let existing = topics.compactMap { layout.tier(of: $0.name) }
        let tiers = Set(existing).union(options.policy.tiers).sorted()
        let small =
            [Subscription(group: layout.workers, topic: layout.tasks)]
            + existing.map { Subscription(group: layout.delays, topic: layout.retry($0), delay: $0) }
        let large = [Subscription(group: layout.largeWorkers, topic: layout.largeTasks)]
        guard let smallSession = try await asking({ try await self.log.openSession(small) }) else { return }
        guard let largeSession = try await asking({ try await self.log.openSession(large) }) else {
            return await smallSession.close()
        }
        let lanes = [
            lane(.small, smallSession, tiers),
            lane(.large, largeSession, tiers),
        ]
        let isStopped = state.withLock { state in
            state.lanes = lanes
            return state.isStopped
        }
        // `stop` was called before the lanes existed.
        if isStopped {
            await smallSession.close()
            return await largeSession.close()
        }
        cancellations.listen { [weak self] task in
            for lane in self?.state.withLock(\.lanes) ?? [] { lane.cancel(task) }
        }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for lane in lanes {
                group.addTask {
                    try await lane.run()
                    return true
                }
            }
            group.addTask {
                await self.cancellations.follow { error in
                    self.logger.warning("cancellations cannot be followed", metadata: ["error": "\(error)"])
                }
                return false
            }
            group.addTask {
                // If a lane stops or fails before it has joined, the task that runs it reports that.
                for lane in lanes { guard (try? await lane.joined()) != nil else { return false } }
                onReady()
                return false
            }
            // A lane that fails ends the worker at once; `waitForAll` would wait for the other lane first.
            var running = lanes.count
            while running > 0, let isLane = try await group.next() { if isLane { running -= 1 } }
            group.cancelAll()
        }
    }

    /// Takes no more tasks, gives uploads in progress `grace`, settles and leaves the groups. An
    /// interrupted upload spends no attempt.
    package func stop(grace: Duration? = nil) async {
        let lanes = state.withLock { state in
            state.isStopped = true
            return state.lanes
        }
        await withDiscardingTaskGroup { group in
            for lane in lanes { group.addTask { await lane.stop(grace: grace ?? self.options.grace) } }
        }
    }

    /// Sets the number of concurrent uploads of each lane.
    package func resize(uploads: Int, largeUploads: Int) async {
        let lanes = state.withLock(\.lanes)
        for (lane, slots) in zip(lanes, [uploads, largeUploads]) { await lane.resize(to: slots) }
    }

    /// Retries a call to the log until it succeeds. Returns nil once the worker is stopped.
    private func asking<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value? {
        try await Patience.keepAsking(clock: clock) {
            state.withLock(\.isStopped)
        } onWait: { error in
            logger.warning("waiting for the log", metadata: ["error": "\(error)"])
        } _: {
            try await body()
        }
    }

    private func lane(_ kind: LaneKind, _ session: any LogSession, _ tiers: [Duration]) -> Lane {
        let writer = DecisionWriter(
            layout: options.layout, worker: options.name, tellsContent: !log.abilities.contains(.refusesKnownIdentity),
            version: options.version)
        let rules = LaneRules(
            isOrdered: { [execution] in execution.order(of: $0) == .key },
            isCancelled: { [cancellations] in cancellations.contains($0) },
            trace: { [tracer] in
                TraceContext(HeaderName.trace(of: $0.record)).map { tracer == nil ? $0.text : $0.child.text }
            }, random: random)
        return Lane(
            log: log, session: session,
            machine: LaneMachine(kind: kind, options: options, writer: writer, tiers: tiers, rules: rules),
            execution: execution, checkpoints: checkpoints,
            settler: Settler(
                session: session, writer: writer, clock: clock, meters: meters, logger: logger),
            reporter: AttemptReporter(
                kind: kind, worker: options.name, meters: meters, tracer: tracer, failures: FailureLog(logger),
                clock: clock, logger: logger),
            clock: clock, logger: logger)
    }
}
