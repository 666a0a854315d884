internal import Hummingbird

/// What a request brings beside itself.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The address that the request came from.
    let remote: String

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remote = source.channel.remoteAddress?.ipAddress ?? "unknown"
    }
}
