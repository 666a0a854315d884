import Foundation

/// An address and port to listen on.
struct ListenAddress: CustomStringConvertible {
    var host: String
    var port: UInt16

    /// - Parameter option: the option that gives the address, for messages.
    /// - Throws: `CommandError`.
    init(_ text: String, option: String = "--listen") throws {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let port = UInt16(parts[1]), !parts[0].isEmpty else {
            throw CommandError(
                "\(option) \(text): give an IPv4 address and a port, as in 127.0.0.1:8480", exit: .usage)
        }
        host = parts[0] == "localhost" ? "127.0.0.1" : String(parts[0])
        // Names are refused: any name that begins with "127." would pass for loopback.
        var address = in_addr()
        guard inet_pton(AF_INET, host, &address) == 1 else {
            throw CommandError(
                "\(option) \(text): '\(host)' is not an IPv4 address such as 127.0.0.1; names are not resolved",
                exit: .usage
            )
        }
        self.port = port
    }

    init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    var isLoopback: Bool { host.hasPrefix("127.") }
    var description: String { "\(host):\(port)" }
}
