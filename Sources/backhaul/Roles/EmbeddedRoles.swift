import BackhaulAcknowledgment
import BackhaulEmbedded
import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import BackhaulTransfer
import BackhaulView
import Logging

/// The roles that work on an embedded log, in the process that owns it: workers, the acknowledger, the view and upkeep.
struct EmbeddedRoles {
    let log: any MessageLog
    let view: StatusView
    /// In the order in which they drain.
    let parts: [RolePart]

    /// - Parameter servesAPI: see `Settings.workerDestinations`.
    init(
        log embedded: EmbeddedLog, settings: Settings, workers: Int, egress: EgressPolicy, servesAPI: Bool,
        tracer: Tracer?
    ) async throws {
        log = try settings.signed(embedded)
        let clock = embedded.clock
        let pool = try WorkerPool(
            log: log, settings: settings, count: workers, roots: settings.sourceRoots(folder: embedded.folder),
            egress: egress, decisionsPerUpload: 1, servesAPI: servesAPI, clock: clock, tracer: tracer)
        let indexes = try ResultIndexes(
            folder: embedded.folder + "/results", isFed: true, log: log, layout: settings.layout,
            logger: Logger(label: "backhaul.acknowledger"))
        let acknowledger = Acknowledger(
            log: log, layout: settings.layout, indexes: indexes, clock: clock,
            logger: Logger(label: "backhaul.acknowledger"), names: Set(settings.destinations.keys),
            tenants: settings.tenants, tracer: tracer)
        view = try StatusView(
            path: embedded.folder + "/view.sqlite", log: log, layout: settings.layout, holdsTruncation: true,
            onResults: { indexes.observe($0, in: $1, from: $2, next: $3) }, logger: Logger(label: "backhaul.view"))
        try await pool.sweep()
        parts =
            pool.parts + [
                .acknowledger(acknowledger), .replays(settings, log, clock: clock), .view(view),
                .maintenance(
                    of: log, every: .seconds(15), clock: clock, logger: Logger(label: "backhaul.log")),
                .signatures(log, logger: Logger(label: "backhaul.records")),
            ]
    }

    /// Runs the roles while `body` runs, then drains and closes them.
    /// - Parameters:
    ///   - isHurried: whether uploads in progress are interrupted at the end, not waited for.
    ///   - body: ends the roles with its end; its error is thrown once they have drained.
    /// - Throws: the error of a role that fails, and of `body`.
    func run<Value: Sendable>(
        isHurried: @escaping @Sendable () -> Bool, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let parts = parts
        func drain() async {
            if isHurried() { for part in parts { await part.hurry?() } }
            for part in parts { await part.drain?() }
        }
        let result: Result<Value, any Error>
        do {
            result = try await withThrowingTaskGroup(of: Result<Value, any Error>?.self) { group in
                for part in parts {
                    guard let run = part.run else { continue }
                    group.addTask {
                        try await run {}
                        return nil
                    }
                }
                group.addTask {
                    do { return .success(try await body()) } catch { return .failure(error) }
                }
                defer { group.cancelAll() }
                while let ended = try await group.next() {
                    guard let ended else { continue }
                    // The roles still run: they finish, settle and leave.
                    await drain()
                    return ended
                }
                throw LogError.closed
            }
        } catch {
            await drain()
            result = .failure(error)
        }
        for part in parts { await part.close?() }
        return try result.get()
    }
}
