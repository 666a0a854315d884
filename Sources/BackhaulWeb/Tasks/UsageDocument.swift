internal import BackhaulDomain

/// What counts against a tenant's limit.
struct UsageDocument: Codable, Sendable {
    var tenant: ByteText
    /// Tasks under way, or ended and not acknowledged.
    var unacknowledged: Int
}
