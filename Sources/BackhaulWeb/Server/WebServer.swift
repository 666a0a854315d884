package import BackhaulDomain
internal import BackhaulLog
internal import BackhaulTelemetry
package import BackhaulUnits
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
package import Logging
internal import NIOCore
internal import ServiceLifecycle

/// An HTTP server for a list of routes.
package final class WebServer: Sendable {
    /// Why the server cannot listen, or stopped serving.
    package struct StartError: Error, CustomStringConvertible {
        package var description: String
    }

    private let host: String
    private let port: Int
    private let status: ServerStatus
    private let group: ServiceGroup
    private let ended = Signal()

    /// Accepted beyond the limit while others close for them.
    private static let spare = 256
    /// A connection without traffic for this long is closed, so that a forgotten client holds no resources.
    private static let idleTimeout = TimeAmount.seconds(30)

    /// - Parameters:
    ///   - host: an IP address.
    ///   - port: 0 lets the system choose.
    ///   - authenticator: identifies the caller of every route that has a scope.
    ///   - pace: the slowest client that is tolerated.
    ///   - connections: maximum concurrent connections; half of them from one address.
    ///   - proxies: those whose `X-Forwarded-For` names the client.
    ///   - certificate: nil serves without TLS.
    ///   - quotas: the quota of a tenant.
    package init(
        host: String, port: Int, routes: [APIRoute], authenticator: Authenticator, meters: WebMeters,
        pace: ClientPace = ClientPace(), connections: Int = 1_024, proxies: [AddressRange] = [],
        certificate: ServerCertificate? = nil,
        quotas: @escaping @Sendable (ByteText) -> TenantQuota = { _ in .unlimited }, logger: Logger
    ) {
        self.host = host
        self.port = port
        let status = ServerStatus()
        self.status = status
        let limits = ConnectionTable.Limits(total: connections, perNetwork: max(1, connections / 2))
        let table = ConnectionGuard.Table(limits: limits, proxies: proxies) { meters.evicted.add() }
        let router = Router(context: APIContext.self)
        router.add(
            middleware: RouteMiddleware(
                routes: routes, authenticator: authenticator, meters: meters, connections: table,
                proxies: proxies, quotas: quotas,
                logger: logger))
        // Hummingbird logs connections that end, and a cancelled one as an error; real failures are thrown.
        var quiet = logger
        quiet.logLevel = .critical
        let application = Application(
            router: router,
            server: HTTPServerBuilder { responder in
                let plain = HTTP1Channel(
                    responder: responder,
                    configuration: .init(
                        additionalChannelHandlers: [
                            ConnectionGuard(table), SlowClientGuard(pace: pace) { meters.slow.add() },
                        ],
                        idleTimeout: Self.idleTimeout,
                        httpDecoderConfiguration: .init(
                            maxHeaderFieldSize: 32 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 200)))
                guard let certificate else { return plain }
                return TLSChildChannel(base: plain, certificate: certificate)
            },
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), backlog: 512,
                availableConnectionsDelegate: MaximumAvailableConnections(connections + Self.spare)),
            onServerRunning: { channel in status.listening(on: channel.localAddress?.port ?? port) },
            logger: quiet)
        group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: application)], gracefulShutdownSignals: [], logger: quiet))
    }

    /// Serves until stopped or cancelled.
    /// - Throws: `StartError` when it cannot listen, or fails later.
    package func run() async throws {
        defer { ended.raise() }
        do {
            try await group.run()
            status.ended(StartError(description: "the HTTP server stopped before it listened"))
        } catch {
            let failure = StartError(
                description: status.isListening
                    ? "the HTTP server failed (\(error))"
                    : "cannot listen on \(host):\(port) (\(error)); is the port taken? Choose another address.")
            status.ended(failure)
            if Task.isCancelled || status.isStopping { return }
            throw failure
        }
    }

    /// Accepts no new connections, and returns when the running requests are answered or `grace` has
    /// passed; the owner of the server then cancels `run`. Further calls return at once.
    package func stop(grace: Duration) async {
        guard status.stop() else { return }
        await group.triggerGracefulShutdown()
        await ended.wait(for: grace)
    }

    /// - Returns: the port, once it listens.
    /// - Throws: `StartError` when the server ends before it listens.
    package func waitUntilListening() async throws -> Int { try await status.port() }
}
