internal import Hummingbird
internal import NIOCore

/// What a request brings beside itself.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The address that the request came from.
    let remote: String
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        remote = source.channel.remoteAddress?.ipAddress ?? "unknown"
    }
}
