import BackhaulDomain
import BackhaulKafka
import BackhaulLog
import BackhaulTelemetry
import BackhaulTransfer
import BackhaulWeb
import Foundation
import Logging
import Synchronization

/// Runs a process of one or more roles: health, readiness, signals, and the order in which it stops.
final class ServiceProcess: Sendable {
    private let role: String
    private let facts: [String: String]
    private let parts: [RolePart]
    private let maximumShutdown: Duration
    private let reloader: Reloader
    private let readiness = Readiness()
    /// The API's server first, if the role has an API; the last one serves health and metrics.
    private let servers: [(option: String, address: ListenAddress, server: WebServer)]
    /// How long open requests may take when the process stops; nil when it serves only its health.
    private let requestGrace: Duration?
    private let logger: Logger
    /// Told the port of the first server.
    private let port: ListeningPort?
    private let manager = ServiceManager(ProcessInfo.processInfo.environment)

    /// - Parameters:
    ///   - facts: shown in the ready line.
    ///   - api: served in addition to health.
    ///   - port: told on which port the API listens; nil when nobody asks.
    ///   - parts: drained and closed in this order.
    init(
        role: String, addresses: ServiceAddresses, facts: [String: String], api: APISurface? = nil,
        port: ListeningPort? = nil,
        parts: [RolePart], maximumShutdown: Duration, reloader: Reloader
    ) {
        self.role = role
        self.port = port
        var facts = facts
        if let api {
            facts["authentication"] = api.admission
            facts["tls"] = api.certificate == nil ? "off" : "on"
        }
        self.facts = facts
        let parts = parts + [api?.certificate.map(RolePart.certificate)].compactMap(\.self)
        self.parts = parts
        self.maximumShutdown = maximumShutdown
        self.reloader = reloader
        for part in parts {
            if let obstacle = part.obstacle { readiness.add(obstacle) }
            if let remark = part.remark { readiness.addRemark(remark) }
        }
        requestGrace = api?.grace
        let logger = Logger(label: "backhaul.\(role)")
        self.logger = logger
        let build = MetricFamily(
            "backhaul_build_info", "The program's role and version, and the versions of its libraries.", .gauge,
            [
                MetricFamily.Sample(
                    1,
                    [
                        .init("role", role), .init("version", Version.text),
                        .init("librdkafka", KafkaLog.libraryVersion),
                        .init("libcurl", CurlGlobal.version),
                    ])
            ])
        let meters = api?.meters ?? WebMeters()
        let health = HealthRoutes.make(readiness) { [readiness] in
            let ready = MetricFamily(
                "backhaul_ready", "Whether the process is ready (1).", .gauge,
                [MetricFamily.Sample(readiness.obstacle == nil ? 1 : 0)])
            return MetricFamily.text(
                [build, ready] + meters.families + reloader.families + parts.flatMap { $0.metrics?() ?? [] })
        }
        let certificate = api?.certificate?.certificate
        let unlimited: @Sendable (ByteText) -> TenantQuota = { _ in .unlimited }
        let quotas = api?.quotas ?? unlimited
        // The API's; health on an address of its own, mostly loopback, is plain.
        func server(
            _ address: ListenAddress, _ routes: [APIRoute], _ certificate: ServerCertificate? = nil,
            connections: Int = DescriptorBudget.healthConnections
        ) -> WebServer {
            WebServer(
                host: address.host, port: Int(address.port), routes: routes,
                authenticator: api?.authenticator ?? Authenticator(isOn: true, tokens: []), meters: meters,
                pace: api?.pace ?? ClientPace(), connections: connections,
                proxies: api?.proxies ?? [], certificate: certificate, quotas: quotas, logger: logger)
        }
        if let api, let admin = addresses.admin {
            servers = [
                (
                    "--listen", addresses.listen,
                    server(addresses.listen, api.routes, certificate, connections: api.connections)
                ),
                ("--admin", admin, server(admin, health)),
            ]
        } else {
            servers = [
                (
                    "--listen", addresses.listen,
                    server(
                        addresses.listen, (api?.routes ?? []) + health, certificate,
                        connections: api?.connections ?? DescriptorBudget.healthConnections)
                )
            ]
        }
    }

    /// Serves until a signal, then drains.
    func run() async throws {
        let signals = SignalStream.make()
        let result: Result<Void, any Error>
        do {
            try await serve(until: signals)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        for part in parts { await part.close?() }
        try result.get()
    }

    /// Thrown once everything has stopped in order, to end the parts that only serve.
    private struct Stopped: Error {}

    private func serve(until signals: AsyncStream<Int32>) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var ports: [Int] = []
            for (option, address, server) in servers {
                group.addTask { try await Self.serve(server, option, address) }
                ports.append(try await Self.listening(server, &group))
            }
            let listening = ports
            if let first = ports.first { port?.set(first) }
            let awaited = parts.filter(\.isAwaited).count
            if awaited == 0 { announce(listening) }
            let ready = Mutex(0)
            let isReady: @Sendable () -> Void = {
                let count = ready.withLock { count in
                    count += 1
                    return count
                }
                if count == awaited { self.announce(listening) }
            }
            for part in parts {
                guard let run = part.run else { continue }
                group.addTask { try await run { if part.isAwaited { isReady() } } }
            }
            group.addTask { () async throws -> Void in try await self.drain(at: signals) }
            group.addTask {
                for await _ in SignalStream.makeReloads() {
                    self.manager.reloading()
                    await self.reloader.run(self.parts)
                    if self.readiness.obstacle == nil { self.manager.ready("serving") }
                }
            }
            group.addTask { await self.manager.keepAlive() }
            do {
                // The first part that fails ends all: `waitForAll` would wait for the others first.
                while try await group.next() != nil {}
            } catch is Stopped {
                group.cancelAll()
            }
        }
    }

    private static func serve(_ server: WebServer, _ option: String, _ address: ListenAddress) async throws {
        do {
            try await server.run()
        } catch let failure as WebServer.StartError {
            throw CommandError("\(option) \(address): \(failure)", exit: .failed)
        }
    }

    private static func listening(
        _ server: WebServer, _ group: inout ThrowingTaskGroup<Void, any Error>
    ) async throws -> Int {
        do {
            return try await server.waitUntilListening()
        } catch {
            // The server's own error says more than the wait's.
            try await group.next()
            throw error
        }
    }

    private func announce(_ ports: [Int]) {
        readiness.set(true)
        var places: [String] = []
        for (entry, port) in zip(servers, ports) { places.append("\(entry.address.host):\(port)") }
        var metadata: Logger.Metadata = [
            "role": "\(role)", "listen": "\(places.first ?? "")", "admin": "\(places.last ?? "")",
            "version": "\(Version.text)",
            "libcurl": "\(CurlGlobal.version)", "pid": "\(getpid())",
        ]
        for (name, value) in facts { metadata[name] = "\(value)" }
        // Written at any log level: the process's starter waits for this line.
        let line = JSONLogHandler.line(level: .notice, message: "ready", label: "backhaul.\(role)", metadata: metadata)
        try? FileHandle.standardError.write(contentsOf: line)
        manager.ready("serving at \(places.first ?? "")")
    }

    /// Not ready → take no new work → finish or hand back → settle → leave.
    private func drain(at signals: AsyncStream<Int32>) async throws {
        var iterator = signals.makeAsyncIterator()
        guard let first = await iterator.next() else { return }
        logger.notice("stopping", metadata: ["signal": "\(first)"])
        manager.stopping()
        Watchdog.start(maximumShutdown, logger: logger)
        readiness.set(false)
        // Listens from here on: a second signal must not go to the stream that gave the first.
        let hurries = SignalStream.make()
        for part in parts { await part.withdraw?() }
        let server = servers.first?.server
        if let requestGrace { await server?.stop(grace: requestGrace) }
        let parts = parts
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for part in parts { await part.drain?() } }
            group.addTask { for await _ in hurries { for part in parts { await part.hurry?() } } }
            await group.next()
            group.cancelAll()
        }
        for entry in servers { await entry.server.stop(grace: .milliseconds(500)) }
        logger.notice("stopped")
        throw Stopped()
    }
}
