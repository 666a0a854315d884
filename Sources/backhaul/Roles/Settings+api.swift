import BackhaulDomain
import BackhaulFiles
import BackhaulIngest
import BackhaulLog
import BackhaulRecords
import BackhaulReplay
import BackhaulSettings
import BackhaulTelemetry
import BackhaulView
import BackhaulWeb
import Logging

extension APISettings {
    var apiTokens: [APIToken] { tokens.map(APIToken.init) }

    /// - Throws: `CommandError` when authentication is off on an address that other machines can reach.
    func authenticator(listen: ListenAddress, client: OperatorClient, logger: Logger) throws -> Authenticator {
        guard isAuthenticated || listen.isLoopback else {
            throw CommandError(
                "api.authentication is none, and --listen \(listen) is not a loopback address: anyone could submit, "
                    + "read and cancel tasks; listen on 127.0.0.1, or set api.authentication to required",
                exit: .usage)
        }
        let bearer = jwt.map { jwt in
            let source: any KeySetSource =
                jwt.keysURL.isEmpty ? KeySetFile(path: jwt.keysFile) : RemoteKeySet(url: jwt.keysURL, client: client)
            return BearerTokens(
                rules: .init(
                    issuer: jwt.issuer, audience: jwt.audience, tenantClaim: jwt.tenantClaim,
                    scopeClaim: jwt.scopeClaim, type: jwt.type),
                source: source, logger: logger)
        }
        return Authenticator(isOn: isAuthenticated, tokens: apiTokens, bearer: bearer)
    }

    /// Which callers are admitted, for the ready line.
    var admission: String {
        guard isAuthenticated else { return "none, loopback only" }
        guard knowsCallers else { return "required, but no caller is configured: every request is refused" }
        return "required"
    }

    func surface(
        _ routes: [APIRoute], _ authenticator: Authenticator, meters: WebMeters, rules: LiveRules, grace: Duration,
        logger: Logger
    ) throws -> APISurface {
        APISurface(
            routes: routes + [OpenAPIRoute.route], authenticator: authenticator, meters: meters,
            pace: ClientPace(bytesPerSecond: slowestBytesPerSecond), connections: connections,
            proxies: trustedProxies, certificate: try tls.map { try LiveCertificate($0, logger: logger) },
            quotas: { rules.rules.quotas.quota(of: $0) }, grace: grace,
            admission: admission)
    }
}

extension APIToken {
    init(_ token: APISettings.Token) {
        self.init(
            caller: Caller(
                name: token.name, scopes: Set(token.scopes.compactMap(Scope.init(rawValue:))), tenant: token.tenant,
                expiresAt: token.expiresAt),
            sha256: token.sha256)
    }
}

extension Settings {
    /// The routes for callers to submit tasks.
    /// - Parameter folder: the data folder of an embedded log; nil for a fleet.
    func ingestAPI(
        _ log: any MessageLog, folder: String?, rules: LiveRules, limits: TenantLimits,
        directory: (any TaskDirectory)? = nil, states: (any TaskDirectory)? = nil,
        meters: WebMeters, tracer: Tracer?, acts: ActRecorder, logger: Logger
    ) -> IngestAPI {
        let ingest = Ingest(
            log: log, layout: layout, clock: SystemLogClock(), largeThreshold: largeThreshold, isOrdered: isOrdered)
        let roots = sourceRoots(folder: folder)
        let pool = ReaderPool()
        return IngestAPI(
            ingest: ingest, rules: rules, limits: limits, directory: directory, states: states,
            meters: meters, tracer: tracer,
            acts: acts, logger: logger
        ) { source in
            try await pool.run { try SourceFacts.facts(of: source, in: roots) }
        }
    }

    var ingestRules: IngestRules {
        IngestRules(
            destinations: Set(destinations.keys), base: httpPolicy, tenants: tenants, quota: api.quota)
    }

    /// What HTTP callers may name where `tenants` says nothing.
    var httpPolicy: TenantPolicy {
        TenantPolicy(
            roots: .only(Set(api.fileRoots)), destinations: .all, keyPrefixes: [TenantRules.ownPrefix],
            freeURLs: api.freeURLs && freeURLs)
    }

    /// The routes for owners to read and control their tasks.
    func tasksAPI(
        _ log: any MessageLog, view: StatusView, rules: LiveRules, limits: TenantLimits, acts: ActRecorder
    ) -> TasksAPI {
        let replay = Replay(
            log: log, layout: layout, clock: SystemLogClock(), largeThreshold: largeThreshold, isOrdered: isOrdered)
        return TasksAPI(
            log: log, layout: layout, view: view, replay: replay, rules: rules, submissions: limits,
            clock: SystemLogClock(), acts: acts, quotas: { rules.rules.quotas.quota(of: $0) })
    }
}
