package import BackhaulDomain

extension StatusView: ViewReader {
    package func overview(batch: ByteText?, tenant: ByteText?, uploads limit: Int) async throws -> Overview {
        let counts = try await counts(batch: batch, tenant: tenant)
        var nearest: String?
        if let batch, counts.accepted == 0 {
            nearest = NearestName.of(batch.text, among: try await batches(tenant: tenant).map(\.text))
        }
        return Overview(
            counts: counts, storedSize: try await storedSize(batch: batch, tenant: tenant),
            reasons: try await reasons(batch: batch, tenant: tenant),
            uploads: limit > 0 ? try await inFlight(batch: batch, tenant: tenant, limit: limit) : [],
            lag: try await lag(), nearestBatch: nearest)
    }
}
