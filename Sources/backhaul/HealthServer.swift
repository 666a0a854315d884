import FlyingFox
import FlyingSocks
import Foundation
import Synchronization

/// `/livez` and `/readyz` for whoever watches the process. Liveness says that the process answers; readiness that its
/// roles work.
final class HealthServer: Sendable {
    private let server: HTTPServer
    private let ready = Atomic<Bool>(false)
    private let address: ListenAddress

    init(_ address: ListenAddress) throws {
        self.address = address
        do {
            server = HTTPServer(
                address: try .inet(ip4: address.host, port: address.port), timeout: 10, logger: .disabled)
        } catch {
            throw CommandFailure("--listen \(address): this is no address that can be listened on", exit: .usage)
        }
    }

    func setReady(_ isReady: Bool) { ready.store(isReady, ordering: .relaxed) }

    /// Serves until cancelled.
    func run() async throws {
        await server.appendRoute("GET /livez") { _ in Self.answer(.ok, "{\"status\":\"live\"}") }
        await server.appendRoute("GET /readyz") { [self] _ in
            ready.load(ordering: .relaxed)
                ? Self.answer(.ok, "{\"status\":\"ready\"}")
                : Self.answer(.serviceUnavailable, "{\"status\":\"not-ready\"}")
        }
        do {
            try await server.run()
        } catch is CancellationError {
            return
        } catch {
            if Task.isCancelled { return }
            throw CommandFailure(
                "--listen \(address): cannot listen there (\(error)); is the port taken? choose another", exit: .failed)
        }
    }

    func waitUntilListening() async throws {
        try await server.waitUntilListening(timeout: 10)
    }

    private static func answer(_ status: HTTPStatusCode, _ json: String) -> HTTPResponse {
        HTTPResponse(statusCode: status, headers: [.contentType: "application/json"], body: Data((json + "\n").utf8))
    }
}

/// An address and port to listen on.
struct ListenAddress: CustomStringConvertible {
    var host: String
    var port: UInt16

    /// - Throws: `CommandFailure`.
    init(_ text: String) throws {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let port = UInt16(parts[1]), !parts[0].isEmpty else {
            throw CommandFailure(
                "--listen \(text): give an IPv4 address and a port, as in 127.0.0.1:8480", exit: .usage)
        }
        host = parts[0] == "localhost" ? "127.0.0.1" : String(parts[0])
        self.port = port
    }

    var isLoopback: Bool { host.hasPrefix("127.") }
    var description: String { "\(host):\(port)" }
}
