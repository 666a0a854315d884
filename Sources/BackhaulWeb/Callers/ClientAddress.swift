internal import BackhaulUnits
internal import HTTPTypes
internal import NIOCore

/// Where a request comes from: the peer of its connection, or what a trusted proxy says of it in `X-Forwarded-For`.
struct ClientAddress: Sendable {
    /// The IP address, or `unknown`.
    let text: String
    let network: ClientNetwork

    /// - Parameters:
    ///   - peer: of the connection.
    ///   - headers: of the request.
    ///   - proxies: those whose `X-Forwarded-For` counts. Each appends the address of its own peer, so the client is
    ///     the last address that is not a proxy's; what stands before it is the client's own word.
    init(peer: SocketAddress?, headers: HTTPFields, proxies: [AddressRange]) {
        let direct = peer?.ipAddress
        guard Self.isProxy(peer, among: proxies), let direct, var address = IPAddress(text: direct) else {
            text = direct ?? "unknown"
            network = ClientNetwork(peer)
            return
        }
        func isProxy(_ address: IPAddress) -> Bool { proxies.contains { $0.contains(address) } }
        let values: [String] = Self.header.map { headers[values: $0] } ?? []
        var said = values.flatMap { $0.split(separator: ",") }
        while isProxy(address), let last = said.popLast(), let before = Self.address(last) { address = before }
        text = address.description
        network = ClientNetwork(address)
    }

    private static let header = HTTPField.Name("X-Forwarded-For")

    static func isProxy(_ peer: SocketAddress?, among proxies: [AddressRange]) -> Bool {
        guard !proxies.isEmpty, let address = peer?.ipAddress.flatMap(IPAddress.init(text:)) else { return false }
        return proxies.contains { $0.contains(address) }
    }

    /// Some proxies append the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
    private static func address(_ text: Substring) -> IPAddress? {
        let trimmed = text.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }
        if let address = IPAddress(text: String(trimmed)) { return address }
        if trimmed.hasPrefix("[") { return IPAddress(text: String(trimmed.dropFirst().prefix { $0 != "]" })) }
        return IPAddress(text: String(trimmed.prefix { $0 != ":" }))
    }
}
