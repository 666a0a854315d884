internal import BackhaulLog
internal import Logging

/// The client that asks and administers, and that sees what is written before it is decided.
actor KafkaScout {
    private nonisolated let loop: KafkaLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    private let options: KafkaOptions
    private let statistics: KafkaStatistics
    private let logger: Logger
    private var handle: KafkaHandle?
    private var served: Int?
    private var isClosed = false

    init(loop: KafkaLoop, options: KafkaOptions, statistics: KafkaStatistics, logger: Logger) {
        self.loop = loop
        self.options = options
        self.statistics = statistics
        self.logger = logger
    }

    func working() throws -> KafkaHandle {
        guard !isClosed else { throw LogError.closed }
        if let handle { return handle }
        let made = try KafkaHandle(
            .reader, name: "scout", options: options, properties: ["isolation.level": "read_uncommitted"])
        let bridge = EventBridge(handle: made, tokens: options.tokens, statistics: statistics, logger: logger)
        served = loop.serve(made.queue) { event in _ = bridge.take(event) }
        handle = made
        return made
    }

    func close() async {
        isClosed = true
        if let served { loop.unserve(served) }
        if let handle { await handle.destroy() }
        handle = nil
    }
}
