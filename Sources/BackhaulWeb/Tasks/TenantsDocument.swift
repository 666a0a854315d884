internal import BackhaulDomain

/// The tenants that have tasks, as sent to callers.
struct TenantsDocument: Codable, Sendable {
    var tenants: [ByteText]
}
