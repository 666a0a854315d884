package import BackhaulUnits

/// How much of a process a tenant may use over HTTP; 0 for no limit.
package struct TenantQuota: Hashable, Sendable {
    /// Tasks per second that an ingest node accepts.
    package var tasksPerSecond: Int
    /// Tasks that are in progress, or ended and not acknowledged.
    package var unacknowledgedTasks: Int
    /// Bytes of files that an ingest node accepts in a day.
    package var bytesPerDay: ByteCount
    /// Open event streams.
    package var streams: Int
    /// Connections on which a caller of the tenant was identified.
    package var connections: Int

    package init(
        tasksPerSecond: Int = 0, unacknowledgedTasks: Int = 0, bytesPerDay: ByteCount = .zero, streams: Int = 0,
        connections: Int = 0
    ) {
        self.tasksPerSecond = tasksPerSecond
        self.unacknowledgedTasks = unacknowledgedTasks
        self.bytesPerDay = bytesPerDay
        self.streams = streams
        self.connections = connections
    }

    /// No limits.
    package static let unlimited = TenantQuota()

    /// What an entry of `tenants` says differently; nil leaves a limit as it is.
    package struct Changes: Hashable, Sendable {
        package var tasksPerSecond: Int?
        package var unacknowledgedTasks: Int?
        package var bytesPerDay: ByteCount?
        package var streams: Int?
        package var connections: Int?

        package init(
            tasksPerSecond: Int? = nil, unacknowledgedTasks: Int? = nil, bytesPerDay: ByteCount? = nil,
            streams: Int? = nil, connections: Int? = nil
        ) {
            self.tasksPerSecond = tasksPerSecond
            self.unacknowledgedTasks = unacknowledgedTasks
            self.bytesPerDay = bytesPerDay
            self.streams = streams
            self.connections = connections
        }
    }

    package func applying(_ changes: Changes) -> TenantQuota {
        TenantQuota(
            tasksPerSecond: changes.tasksPerSecond ?? tasksPerSecond,
            unacknowledgedTasks: changes.unacknowledgedTasks ?? unacknowledgedTasks,
            bytesPerDay: changes.bytesPerDay ?? bytesPerDay, streams: changes.streams ?? streams,
            connections: changes.connections ?? connections)
    }
}

/// The quotas of all tenants.
package struct TenantQuotas: Hashable, Sendable {
    /// What applies to a tenant whose entry in `tenants` does not say otherwise.
    package var base: TenantQuota
    package var tenants: TenantRules

    package init(_ base: TenantQuota = .unlimited, tenants: TenantRules = TenantRules()) {
        self.base = base
        self.tenants = tenants
    }

    package func quota(of tenant: ByteText) -> TenantQuota {
        tenants.entry(of: tenant).map { base.applying($0.quota) } ?? base
    }
}
