import BackhaulSettings
import BackhaulWeb

/// The API that a process serves beside its health.
struct APISurface: Sendable {
    var routes: [APIRoute]
    var authenticator: Authenticator
    var meters: WebMeters
    var pace: ClientPace
    /// Milliseconds that requests under way may take when the process stops.
    var grace: Int64
    /// For the ready line: who is let in.
    var admission: String
}
