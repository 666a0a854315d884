internal import Hummingbird
internal import NIOCore

/// The context of a request: the client's address and the connection.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The client's IP address, or `unknown`.
    let remote: String
    let network: ClientNetwork
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        network = ClientNetwork(source.channel.remoteAddress)
        remote = source.channel.remoteAddress?.ipAddress ?? "unknown"
    }
}
