import BackhaulSettings
import BackhaulTransfer
import Foundation

/// The addresses that a process listens on: for its API, and for its health and metrics.
struct ServiceAddresses: Sendable {
    var listen: ListenAddress
    /// nil when health and metrics share the address of the API, or when there is no API.
    var admin: ListenAddress?

    /// Maximum connections of each server of a role with an API.
    func connections(_ api: APISettings) -> [Int] {
        [api.connections] + (admin == nil ? [] : [DescriptorBudget.healthConnections])
    }

    /// - Parameters:
    ///   - hasAPI: whether the role serves an API. When the API listens beyond loopback, health and metrics are on
    ///     loopback at the next port, unless `--admin` gives another address.
    /// - Throws: `CommandError`.
    init(listen: String?, admin: String?, hasAPI: Bool, environment: [String: String]) throws {
        self.listen = try ListenAddress(listen ?? environment["BACKHAUL_LISTEN"] ?? "127.0.0.1:8480")
        if let text = admin ?? environment["BACKHAUL_ADMIN"] {
            let address = try ListenAddress(text, option: "--admin")
            if hasAPI { self.admin = address } else { self.listen = address }
        } else if hasAPI, !self.listen.isLoopback {
            self.admin = ListenAddress(host: "127.0.0.1", port: self.listen.port == 0 ? 0 : self.listen.port &+ 1)
        }
    }
}
