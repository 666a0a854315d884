import BackhaulTelemetry
import BackhaulWeb
import Foundation
import Logging

/// Health while a role waits for its brokers: it is alive, but not ready. Without it a liveness probe would end the
/// process again and again for what it cannot change.
enum StartingHealth {
    /// Runs `body`, and serves health at the role's address until it ends.
    static func serving<Value: Sendable>(
        _ addresses: ServiceAddresses, logger: Logger, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let address = addresses.admin ?? addresses.listen
        let readiness = Readiness()
        readiness.set(true)
        readiness.add { "waiting for the brokers" }
        let waiting = MetricFamily(
            "backhaul_waiting_for_brokers", "Whether the process waits for the brokers before it serves.", .gauge,
            [MetricFamily.Sample(1)])
        let notReady = MetricFamily(
            "backhaul_ready", "Whether the process is ready (1).", .gauge, [MetricFamily.Sample(0)])
        let server = WebServer(
            host: address.host, port: Int(address.port),
            routes: HealthRoutes.make(readiness) { MetricFamily.text([waiting, notReady]) },
            authenticator: Authenticator(isOn: true, tokens: []), meters: WebMeters(), logger: logger)
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                // The role itself reports an address that cannot be listened on.
                try? await server.run()
                return nil
            }
            group.addTask { try await body() }
            defer { group.cancelAll() }
            while let ended = try await group.next() {
                guard let value = ended else { continue }
                await server.stop(grace: .milliseconds(200))
                group.cancelAll()
                while try await group.next() != nil {}
                return value
            }
            throw CancellationError()
        }
    }
}
