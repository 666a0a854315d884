import ArgumentParser
import BackhaulUnits
import Foundation

/// Asks a process of this machine how it is.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Ask a running role whether it is ready; exits 0 or 1.",
        discussion: """
            For the health checks of containers. Without --address it asks where a role with the same environment \
            answers: BACKHAUL_ADMIN, or else the port of BACKHAUL_LISTEN or the next one, on loopback.

            Example: backhaul health --live --address 127.0.0.1:8480
            """)

    @Flag(help: "Whether it answers at all, not whether it is ready.")
    var live = false

    @Option(help: ArgumentHelp("Where health is served.", valueName: "address:port"))
    var address: String?

    private struct Health: Decodable {
        var status: String
        var reason: String?
        var remarks: [String]?
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let places = try address.map { [try ListenAddress($0, option: "--address")] } ?? Self.places(environment)
        let client = try OperatorClient()
        var result: Result<Data, any Error> = .failure(CommandError("nothing was asked"))
        for place in places {
            do {
                result = .success(
                    try await client.send("GET", "http://\(place)/\(live ? "livez" : "readyz")", accepting: [503]))
                break
            } catch {
                result = .failure(error)
            }
        }
        await client.close()
        switch result {
        case .failure(let error): throw CommandError("\(error)", exit: .failed)
        case .success(let data):
            guard let health = try? JSONDecoder().decode(Health.self, from: data) else {
                throw CommandError("what answers is not a role", exit: .failed)
            }
            Output.line(([health.status, health.reason].compactMap(\.self)).joined(separator: ": "))
            for remark in health.remarks ?? [] { Output.line("remark: \(remark)") }
            if health.status != "ready", health.status != "live" { throw ProcessExit.failed }
        }
    }

    /// Health shares the API's address, or has the next port on loopback.
    private static func places(_ environment: [String: String]) throws -> [ListenAddress] {
        if let admin = environment["BACKHAUL_ADMIN"] { return [try ListenAddress(admin, option: "BACKHAUL_ADMIN")] }
        let listen = try ListenAddress(environment["BACKHAUL_LISTEN"] ?? "127.0.0.1:8480", option: "BACKHAUL_LISTEN")
        return [listen.port, listen.port &+ 1].map { ListenAddress(host: "127.0.0.1", port: $0) }
    }
}
