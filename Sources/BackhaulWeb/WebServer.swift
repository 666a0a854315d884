internal import BackhaulLog
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
package import Logging
internal import NIOCore
internal import ServiceLifecycle

/// The HTTP server of a role: `/livez`, `/readyz`, and what the role adds.
///
/// Liveness says that the process answers; readiness that its role works.
package final class WebServer: Sendable {
    /// Why it does not serve.
    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    private struct Health: Encodable {
        var status: String
    }

    private let host: String
    private let port: Int
    private let status: ServerStatus
    private let group: ServiceGroup
    private let ended = Signal()

    /// Connections beyond these wait to be accepted.
    private static let connections = 1_024
    /// A connection on which nothing moves for so long is closed: a slow or forgotten client holds nothing for ever.
    private static let idleTimeout = TimeAmount.seconds(30)

    /// - Parameters:
    ///   - host: an IP address.
    ///   - port: 0 for any.
    ///   - metrics: what `/metrics` shows, in Prometheus' text format.
    package init(
        host: String, port: Int, api: IngestAPI? = nil, metrics: @escaping @Sendable () -> String = { "" },
        logger: Logger
    ) {
        self.host = host
        self.port = port
        let status = ServerStatus()
        self.status = status
        let router = Router(context: BasicRequestContext.self)
        var methods: [String: [HTTPRequest.Method]] = ["/livez": [.get], "/readyz": [.get], "/metrics": [.get]]
        if api != nil { methods.merge(IngestAPI.methods) { _, new in new } }
        router.add(middleware: ProblemMiddleware(logger: logger, methods: methods))
        router.get("/livez") { _, _ in JSONAnswer.response(.ok, Health(status: "live")) }
        router.get("/readyz") { _, _ in
            status.isReady
                ? JSONAnswer.response(.ok, Health(status: "ready"))
                : JSONAnswer.response(.serviceUnavailable, Health(status: "not-ready"))
        }
        router.get("/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: metrics())))
        }
        api?.add(to: router)
        // Hummingbird tells of connections that end, and calls a cancelled one an error; what matters is thrown.
        var quiet = logger
        quiet.logLevel = .critical
        let application = Application(
            router: router,
            server: .http1(configuration: .init(idleTimeout: Self.idleTimeout)),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), backlog: 512,
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connections)),
            onServerRunning: { channel in status.listening(on: channel.localAddress?.port ?? port) },
            logger: quiet)
        group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: application)], gracefulShutdownSignals: [], logger: quiet))
    }

    package func setReady(_ isReady: Bool) { status.isReady = isReady }

    /// Serves until it is stopped or cancelled.
    /// - Throws: `Failure` when it cannot listen, or fails later.
    package func run() async throws {
        defer { ended.raise() }
        do {
            try await group.run()
            status.ended(Failure(description: "stopped before it listened"))
        } catch {
            let failure = Failure(
                description: status.isListening
                    ? "the HTTP server failed (\(error))"
                    : "cannot listen on \(host):\(port) (\(error)); is the port taken? Choose another address.")
            status.ended(failure)
            if Task.isCancelled || status.isStopping { return }
            throw failure
        }
    }

    /// Takes no new connection, and returns when the requests under way have been answered or `grace` milliseconds have
    /// passed; whoever runs the server then cancels it. Once it is stopped, nothing more is waited for.
    package func stop(grace: Int64) async {
        guard status.stop() else { return }
        await group.triggerGracefulShutdown()
        await ended.wait(for: .milliseconds(grace))
    }

    /// - Returns: the port, once it listens.
    /// - Throws: `Failure`.
    package func waitUntilListening() async throws -> Int { try await status.port() }
}
