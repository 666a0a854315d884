internal import BackhaulLog
internal import BackhaulTelemetry
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
package import Logging
internal import NIOCore
internal import ServiceLifecycle

/// An HTTP server with the routes that it is given.
package final class WebServer: Sendable {
    /// Why it does not serve.
    package struct Failure: Error, CustomStringConvertible {
        package var description: String
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
    ///   - authenticator: asked for every route that has a scope.
    ///   - pace: how slow a client may be.
    package init(
        host: String, port: Int, routes: [APIRoute], authenticator: Authenticator, meters: WebMeters,
        pace: ClientPace = ClientPace(), logger: Logger
    ) {
        self.host = host
        self.port = port
        let status = ServerStatus()
        self.status = status
        let router = Router(context: APIContext.self)
        router.add(
            middleware: RouteMiddleware(routes: routes, authenticator: authenticator, meters: meters, logger: logger))
        // Hummingbird tells of connections that end, and calls a cancelled one an error; what matters is thrown.
        var quiet = logger
        quiet.logLevel = .critical
        let application = Application(
            router: router,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [SlowClientGuard(pace: pace) { meters.slow.add() }],
                    idleTimeout: Self.idleTimeout,
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 32 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 200))),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), backlog: 512,
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connections)),
            onServerRunning: { channel in status.listening(on: channel.localAddress?.port ?? port) },
            logger: quiet)
        group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: application)], gracefulShutdownSignals: [], logger: quiet))
    }

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
