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
        guard var address = Self.proxy(peer, among: proxies) else {
            text = peer?.ipAddress ?? "unknown"
            network = ClientNetwork(peer)
            return
        }
        let values: [String] = Self.header.map { headers[values: $0] } ?? []
        var said = values.flatMap { $0.split(separator: ",") }
        while Self.isOne(address, of: proxies), let last = said.popLast(), let before = Self.address(last) {
            address = before
        }
        text = address.description
        network = ClientNetwork(address)
    }

    private static let header = HTTPField.Name("X-Forwarded-For")

    /// The address of a peer that is one of the proxies; nil for others.
    static func proxy(_ peer: SocketAddress?, among proxies: [AddressRange]) -> IPAddress? {
        guard !proxies.isEmpty, let address = peer?.ipAddress.flatMap(IPAddress.init(text:)) else { return nil }
        return isOne(address, of: proxies) ? address : nil
    }

    private static func isOne(_ address: IPAddress, of proxies: [AddressRange]) -> Bool {
        proxies.contains { $0.contains(address) }
    }

    /// Some proxies append the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
    private static func address(_ text: Substring) -> IPAddress? {
        let trimmed = text.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }
        if let address = IPAddress(text: String(trimmed)) { return address }
        if trimmed.hasPrefix("[") { return IPAddress(text: String(trimmed.dropFirst().prefix { $0 != "]" })) }
        return IPAddress(text: String(trimmed.prefix { $0 != ":" }))
    }
}
