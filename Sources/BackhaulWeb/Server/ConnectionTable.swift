internal import BackhaulDomain

/// Which connections a server keeps when it has too many; pure, the time is a parameter.
///
/// A new connection always gets in while another one is worth less: a connection on which no caller was identified,
/// or one that waits between two requests. So idle strangers stop neither callers nor health probes.
struct ConnectionTable: Sendable {
    typealias ID = UInt64

    struct Limits: Hashable, Sendable {
        /// Maximum connections in total.
        var total: Int
        /// Maximum connections of one network.
        var perNetwork: Int
    }

    private struct Connection {
        /// nil for a proxy's.
        var network: ClientNetwork?
        /// Whether a caller was identified on it.
        var isProven = false
        /// The tenant of that caller; nil for one of all tenants.
        var tenant: ByteText?
        /// Requests that have begun and are not answered yet; a client may send the next before the answer (RFC 9112,
        /// section 9.3.2).
        var unanswered = 0
        var isBusy: Bool { unanswered > 0 }
        /// When it was opened, or its last request was answered.
        var since: ContinuousClock.Instant

        /// Connections are given up in this order, and the oldest of each kind first; nil for never.
        var rank: Int? {
            switch (isProven, isBusy) {
            case (false, false): 0
            case (false, true): 1
            case (true, false): 2
            case (true, true): nil
            }
        }
    }

    let limits: Limits
    private var connections: [ID: Connection] = [:]
    private var perNetwork: [ClientNetwork: Int] = [:]
    private var perTenant: [ByteText: Int] = [:]
    private var last: ID = 0

    init(limits: Limits) { self.limits = limits }

    var count: Int { connections.count }

    /// Takes a new connection.
    /// - Parameter network: of the client; nil for a proxy's, which is limited in total only.
    /// - Returns: its id, and the connection to close for it, which may be itself; nil while there is room.
    mutating func opened(
        from network: ClientNetwork?, _ time: ContinuousClock.Instant
    ) -> (id: ID, closing: ID?) {
        last += 1
        connections[last] = Connection(network: network, since: time)
        if let network { perNetwork[network, default: 0] += 1 }
        let closing: ID?
        if let network, perNetwork[network, default: 0] > limits.perNetwork {
            closing = leastWorth(except: last) { $0.network == network } ?? last
        } else if connections.count > limits.total {
            closing = leastWorth(except: last) { _ in true } ?? last
        } else {
            closing = nil
        }
        let id = last
        if let closing { closed(closing) }
        return (id, closing)
    }

    private func leastWorth(except new: ID, where isCandidate: (Connection) -> Bool) -> ID? {
        var least: (id: ID, rank: Int, since: ContinuousClock.Instant)?
        for (id, connection) in connections where id != new && isCandidate(connection) {
            guard let rank = connection.rank else { continue }
            if let least, (least.rank, least.since, least.id) < (rank, connection.since, id) { continue }
            least = (id, rank, connection.since)
        }
        return least?.id
    }

    mutating func began(_ id: ID) { connections[id]?.unanswered += 1 }

    /// Records that a caller was identified.
    /// - Parameters:
    ///   - tenant: of the caller; nil for one of all tenants.
    ///   - limit: the most connections of the tenant; 0 for no limit.
    /// - Returns: whether the tenant has room for it, and its idle connection to close for this one.
    mutating func proved(_ id: ID, tenant: ByteText?, limit: Int) -> (isIn: Bool, closing: ID?) {
        guard let known = connections[id], !known.isProven || known.tenant != tenant else { return (true, nil) }
        var closing: ID?
        if let tenant, limit > 0, perTenant[tenant, default: 0] >= limit {
            closing = leastWorth(except: id) { $0.tenant == tenant && $0.isProven && !$0.isBusy }
            guard let closing else { return (false, nil) }
            closed(closing)
        }
        count(known.tenant, -1)
        count(tenant, 1)
        connections[id]?.isProven = true
        connections[id]?.tenant = tenant
        return (true, closing)
    }

    private mutating func count(_ tenant: ByteText?, _ change: Int) {
        guard let tenant else { return }
        let rest = perTenant[tenant, default: 0] + change
        perTenant[tenant] = rest == 0 ? nil : rest
    }

    mutating func answered(_ id: ID, _ time: ContinuousClock.Instant) {
        guard let connection = connections[id] else { return }
        connections[id]?.unanswered = max(0, connection.unanswered - 1)
        connections[id]?.since = time
    }

    /// Forgets a connection, also one that is already forgotten.
    mutating func closed(_ id: ID) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        if let network = connection.network {
            let rest = perNetwork[network, default: 1] - 1
            perNetwork[network] = rest == 0 ? nil : rest
        }
        count(connection.tenant, -1)
    }
}
