internal import BackhaulLog
internal import Logging

/// Makes a log's clients, has the loop serve their events, and lets them go. On the loop's thread.
struct KafkaClients: Sendable {
    let loop: KafkaLoop
    let options: KafkaOptions
    let statistics: KafkaStatistics
    let live: LiveClients
    let meters: KafkaMeters
    let logger: Logger

    /// - Parameters:
    ///   - name: what log lines, statistics and threads call it.
    ///   - properties: what the product sets for this use; neither the operator nor a default goes above them.
    ///   - receive: takes the events that are not common to all clients.
    /// - Throws: `LogError.misconfigured`, `unavailable`.
    func open(
        _ kind: KafkaHandle.Kind, name: String, properties: [String: String] = [:],
        receive: @escaping (KafkaLoop.Event) -> Void = { _ in }
    ) throws -> KafkaHandle {
        let handle = try KafkaHandle(kind, name: name, options: options, properties: properties)
        let bridge = EventBridge(handle: handle, tokens: options.tokens, statistics: statistics, logger: logger)
        try live.add(handle)
        loop.serve(handle.queue) { event in
            if !bridge.take(event) { receive(event) }
        }
        return handle
    }

    /// Nothing may use the client any more.
    /// - Parameter isolation: the actor that has the client.
    func close(_ handle: KafkaHandle, isolation: isolated (any Actor)? = #isolation) async {
        loop.unserve(handle.queue)
        await handle.destroy(from: live)
    }
}
