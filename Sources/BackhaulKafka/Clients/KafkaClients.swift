internal import BackhaulLog
internal import Logging

/// Creates the clients of a log, registers their events with the loop, and closes them. Used on the loop's thread.
struct KafkaClients: Sendable {
    let loop: KafkaLoop
    let options: KafkaOptions
    let statistics: KafkaStatistics
    let live: LiveClients
    let meters: KafkaMeters
    let logger: Logger

    /// - Parameters:
    ///   - name: the client's name in log lines, statistics and threads.
    ///   - properties: set for this use; they override the operator's and the defaults.
    ///   - receive: handles the events that `EventBridge` does not.
    /// - Throws: `LogError.misconfigured`, `unavailable`.
    func open(
        _ kind: KafkaHandle.Kind, name: String, properties: [String: String] = [:],
        receive: @escaping (KafkaLoop.Event) -> Void = { _ in }
    ) throws -> KafkaHandle {
        let handle = try KafkaHandle(kind, name: name, options: options, properties: properties)
        let bridge = EventBridge(handle: handle, tokens: options.tokens, statistics: statistics, logger: logger)
        try live.add(handle)
        loop.serve(handle.queue) { event in
            if !bridge.handleEvent(event) { receive(event) }
        }
        return handle
    }

    /// Closes a client; nothing may use it afterwards.
    /// - Parameters:
    ///   - first: called before the client is destroyed, on its own thread.
    ///   - isolation: the actor that owns the client.
    func close(
        _ handle: KafkaHandle, first: @escaping @Sendable () -> Void = {}, isolation: isolated (any Actor)? = #isolation
    ) async {
        loop.unserve(handle.queue)
        await destroy([handle], first: first)
    }

    /// Destroys clients whose events are no longer served, all at once.
    func destroy(_ handles: [KafkaHandle], first: @escaping @Sendable () -> Void = {}) async {
        await withTaskGroup(of: Void.self) { group in
            for handle in handles {
                group.addTask {
                    guard await !handle.destroy(from: live, first: first) else { return }
                    logger.warning(
                        "a client is still waiting for its brokers; not waiting for it",
                        metadata: ["client": "\(handle.name)", "waited": "\(KafkaHandle.closingAllowance)"])
                }
            }
        }
    }
}
