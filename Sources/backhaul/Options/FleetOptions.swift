import ArgumentParser
import BackhaulKafka
import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import BackhaulTransfer
import Foundation
import Logging

extension DeliveryMode: ExpressibleByArgument {}

/// Options of the roles of a fleet.
struct FleetOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The log: kafka://host:port,host:port/. Environment: BACKHAUL_LOG.", valueName: "url"))
    var log: String?

    @OptionGroup var places: ListenOptions

    @Option(help: "exactly-once (in one transaction), or at-least-once for brokers without transactions.")
    var delivery: DeliveryMode?

    @OptionGroup var common: CommonOptions

    /// Returns the brokers, the settings and the addresses of a role, and starts logging.
    /// - Parameters:
    ///   - hasAPI: whether the role serves an API.
    ///   - needs: the secrets that the role needs besides those of the brokers and, with an API, of its callers.
    func prepare(_ role: String, hasAPI: Bool, needs: SecretNeeds = []) throws -> (
        bootstrap: String, settings: Settings, addresses: ServiceAddresses
    ) {
        let environment = ProcessInfo.processInfo.environment
        let settings = try common.settings(needs: needs.union(hasAPI ? [.kafka, .callers] : .kafka))
        let named = settings.logURL.isEmpty ? nil : settings.logURL
        guard let text = log ?? environment["BACKHAUL_LOG"] ?? named else {
            throw CommandError(
                "no log is named; give --log kafka://host:port/ or set BACKHAUL_LOG or log.url", exit: .usage)
        }
        let bootstrap = try LogAddress(text).requireKafka(for: role)
        settings.startLogging()
        let addresses = try places.addresses(hasAPI: hasAPI)
        if hasAPI { try DescriptorBudget.require(transfers: 0, connections: addresses.connections(settings.api)) }
        return (bootstrap, settings, addresses)
    }

    /// Returns the handler of SIGHUP; the role adds what it reloads.
    func reloader(_ settings: Settings, role: String) -> Reloader {
        Reloader(settings, logger: Logger(label: "backhaul.\(role)")) { try CommonOptions.again(settings) }
    }

    /// Opens the cluster and checks its topics against what the role needs. Waits for brokers that do not answer, and
    /// serves the role's health meanwhile; a signal during the wait ends the process with exit code 0.
    /// - Parameter patience: the time after which an append without an acknowledgment fails.
    /// - Throws: `CommandError` when the topics contradict the configuration.
    func open(
        _ bootstrap: String, _ settings: Settings, role: String, at addresses: ServiceAddresses,
        patience: Duration = .seconds(20)
    ) async throws -> KafkaLog {
        ServiceManager(ProcessInfo.processInfo.environment).waiting("waiting for the brokers")
        return try await StartingHealth.serving(addresses, logger: Logger(label: "backhaul.\(role)")) {
            try await openOrStop(bootstrap, settings, role: role, patience: patience)
        }
    }

    private func openOrStop(
        _ bootstrap: String, _ settings: Settings, role: String, patience: Duration
    ) async throws -> KafkaLog {
        try await withThrowingTaskGroup(of: KafkaLog?.self) { group in
            group.addTask { try await self.wait(bootstrap, settings, role: role, patience: patience) }
            group.addTask {
                // Exits at once: no work was taken yet, and a query to unreachable brokers could delay an orderly exit.
                for await _ in SignalStream.make() { ProcessExit.done.end() }
                return nil
            }
            defer { group.cancelAll() }
            while let next = try await group.next() {
                if let next { return next }
            }
            throw CancellationError()
        }
    }

    private func wait(_ bootstrap: String, _ settings: Settings, role: String, patience: Duration) async throws
        -> KafkaLog
    {
        let log = try settings.kafkaLog(bootstrap, role: role, delivery: delivery, patience: patience)
        let logger = Logger(label: "backhaul.\(role)")
        var wait = 1
        while true {
            do {
                let obstacles = try await log.plan(settings.desiredTopics).obstacles
                guard obstacles.isEmpty else {
                    throw CommandError(
                        "the cluster's topics do not fit this role: \(obstacles.prefix(5).joined(separator: "; "))"
                            + (obstacles.count > 5 ? " and \(obstacles.count - 5) more" : "")
                            + "; run 'backhaul topics plan --log kafka://\(bootstrap)/', then 'backhaul topics apply'",
                        exit: .usage)
                }
                return log
            } catch LogError.unavailable(let reason) {
                logger.warning(
                    "waiting for the brokers",
                    metadata: ["brokers": "\(bootstrap)", "error": "\(reason)", "wait_s": "\(wait)"])
                try await Task.sleep(for: .seconds(wait))
                wait = min(wait * 2, 10)
            } catch {
                await log.close()
                throw error
            }
        }
    }
}
