import Foundation

/// Where a process listens: its API, and its health and metrics.
struct ServiceAddresses: Sendable {
    var listen: ListenAddress
    /// nil where health and metrics share the address of the API, or are all that there is.
    var admin: ListenAddress?

    /// - Parameters:
    ///   - hasAPI: whether the role serves an API. One that does and listens beyond loopback keeps its metrics off that
    ///     address: unless `--admin` says otherwise they are on loopback, at the next port.
    /// - Throws: `CommandFailure`.
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
