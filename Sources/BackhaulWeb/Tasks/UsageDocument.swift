internal import BackhaulDomain

/// What a tenant has under way.
struct UsageDocument: Codable, Sendable {
    var tenant: ByteText
    /// Tasks under way, or ended and not acknowledged.
    var unacknowledged: Int
}
