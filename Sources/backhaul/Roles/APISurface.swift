import BackhaulDomain
import BackhaulSettings
import BackhaulUnits
import BackhaulWeb

/// The API that a process serves in addition to its health.
struct APISurface: Sendable {
    var routes: [APIRoute]
    var authenticator: Authenticator
    var meters: WebMeters
    var pace: ClientPace
    /// Maximum connections.
    var connections: Int
    /// Proxies whose `X-Forwarded-For` names the client.
    var proxies: [AddressRange]
    /// nil serves without TLS.
    var certificate: LiveCertificate?
    /// The quota of a tenant.
    var quotas: @Sendable (ByteText) -> TenantQuota
    /// How long open requests may take when the process stops.
    var grace: Duration
    /// Which callers are admitted, for the ready line.
    var admission: String
}
