package import BackhaulDomain
package import BackhaulLog
package import BackhaulRecords
package import BackhaulReplay
internal import BackhaulUnits
package import BackhaulView
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// The API for owners of tasks: status, search, progress, events; cancel, retry, acknowledge.
package struct TasksAPI: Sendable {
    let log: any MessageLog
    let layout: TopicLayout
    let view: StatusView
    let actions: TaskActions
    let replay: Replay
    let rules: LiveRules
    let clock: any LogClock
    let acts: ActRecorder?
    let quotas: @Sendable (ByteText) -> TenantQuota
    let submissions: TenantLimits
    let streams: StreamSlots
    let searches: StreamSlots

    let limits: QueryLimits
    let lag = ViewLag()
    private let overviews = OverviewCache()

    /// How long a question waits for a view that is behind: its older word is better than none.
    static let briefly = Duration.seconds(1)

    /// Maximum tasks that one request may acknowledge or look up.
    static let largestList = 1_000
    static let largestBody = 256 << 10

    /// - Parameters:
    ///   - rules: which other destinations a retried task may be sent to.
    ///   - acts: records actions; nil for none.
    ///   - submissions: what a retry counts against, as a submission does.
    ///   - quotas: the quota of a tenant.
    package init(
        log: any MessageLog, layout: TopicLayout, view: StatusView, replay: Replay, rules: LiveRules,
        submissions: TenantLimits, clock: any LogClock, acts: ActRecorder? = nil,
        limits: QueryLimits = QueryLimits(),
        quotas: @escaping @Sendable (ByteText) -> TenantQuota = { _ in .unlimited }
    ) {
        self.quotas = quotas
        self.submissions = submissions
        self.acts = acts
        self.limits = limits
        self.log = log
        self.layout = layout
        self.view = view
        self.replay = replay
        self.rules = rules
        self.clock = clock
        actions = TaskActions(log: log, layout: layout, view: view, clock: clock)
        streams = StreamSlots(256, perHolder: 64)
        searches = StreamSlots(8, perHolder: 4)
    }

    package var routes: [APIRoute] {
        let tenant = "/v1/tenants/{tenant}"
        return [
            APIRoute(.get, "/v1/overview", .read) { _, call in try await overview(call) },
            APIRoute(.get, "/v1/tenants", .read) { _, call in try await tenants(call) },
            APIRoute(.get, tenant + "/tasks", .read) { _, call in try await search(call) },
            APIRoute(.get, tenant + "/tasks/{id}", .read) { _, call in try await task(call) },
            APIRoute(.get, tenant + "/batches/{batch}", .read) { _, call in try await batch(call) },
            APIRoute(.get, tenant + "/reasons", .read) { _, call in try await reasons(call) },
            APIRoute(.get, tenant + "/usage", .read) { _, call in try await usage(call) },
            APIRoute(.get, tenant + "/events", .read) { request, call in try await events(request, call) },
            APIRoute(.post, tenant + "/tasks/{id}/cancel", .operate) { _, call in
                try await acting(.cancel, call) { try await cancel(call) }
            },
            APIRoute(.post, tenant + "/tasks/{id}/retry", .operate) { request, call in try await retry(request, call) },
            APIRoute(.post, tenant + "/tasks/{id}/acknowledge", .operate) { _, call in
                try await acting(.acknowledge, call) { try await acknowledge(call) }
            },
            APIRoute(.post, tenant + "/tasks:acknowledge", .operate) { request, call in
                try await acknowledgeMany(request, call)
            },
            APIRoute(.post, "/v1/tasks:lookup", .read) { request, call in try await lookup(request, call) },
        ] + replayRoutes
    }

    /// An action on the task of the path, recorded with its end.
    /// - Parameter detail: what was asked for beyond the kind.
    func acting(
        _ kind: Act.Kind, _ call: Call, detail: String = "", _ body: () async throws -> Response
    ) async throws -> Response {
        let tenant = ByteText(try call.parameter("tenant"))
        let id = ByteText(try call.parameter("id"))
        return try await call.recording(kind, tenant: tenant, of: [id], detail: detail, to: acts, body)
    }

    /// The tenant of the path, checked against the caller's.
    func tenant(_ call: Call) throws(Problem) -> ByteText {
        let tenant = ByteText(try call.parameter("tenant"))
        try call.caller.require(tenant: tenant)
        return tenant
    }

    /// Runs a query of the log or the view.
    /// - Throws: `Problem` with 503 when the log does not answer or the view is too far behind.
    func asking<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        do {
            // Building a view may take long; no request waits for that.
            return try await Deadline.run(limits.query, body)
        } catch is Deadline.Passed {
            throw Problem(
                .serviceUnavailable, "view-behind", "the view is behind the log and did not catch up in time",
                retryAfter: .seconds(5))
        } catch let error as LogError where error.mayPass {
            throw Problem(.serviceUnavailable, "log-unavailable", "the log does not answer", retryAfter: .seconds(5))
        } catch LogError.closed {
            throw Problem(.serviceUnavailable, "stopping", "the service is stopping", retryAfter: .seconds(1))
        }
    }

    /// The task of the path, after the view has caught up with the log.
    func status(_ call: Call) async throws -> TaskStatus {
        let identity = TaskIdentity(tenant: try tenant(call), id: ByteText(try call.parameter("id")))
        let found = try await asking {
            try await view.catchUp()
            return try await view.task(identity)
        }
        guard let found else { throw Problem(.notFound, "unknown-task", "the tenant has no such task") }
        return found
    }

    func body<Document: Decodable>(_ request: Request, as type: Document.Type) async throws -> Document {
        let bytes = try await request.bytes(upTo: Self.largestBody, what: "the body")
        do {
            return try JSONDecoder().decode(type, from: Data(bytes.readableBytesView))
        } catch let error as DecodingError {
            throw Problem(.badRequest, "bad-json", TaskDocument.text(error))
        }
    }

    // MARK: Queries

    private func task(_ call: Call) async throws -> Response {
        let identity = TaskIdentity(tenant: try tenant(call), id: ByteText(try call.parameter("id")))
        for name in call.query.keys where name != "after" {
            throw TaskQuery.bad("'\(name.prefix(64))' is not a parameter here")
        }
        if let text = call.query["after"] { try await reach(try TaskQuery.position(text)) }
        let found = try await view.task(identity)
        guard let found else { throw Problem(.notFound, "unknown-task", "the tenant has no such task") }
        return JSONAnswer.response(.ok, StatusDocument(found, attempts: try await view.attempts(found)))
    }

    /// Waits until the view has read a record.
    /// - Throws: `Problem` with 409 `stale` after `limits.position`.
    private func reach(_ position: LogPosition) async throws {
        let topics = [layout.tasks, layout.largeTasks, layout.outcomes, layout.results]
        guard topics.contains(position.partition.topic) else {
            throw Problem(
                .unprocessableContent, "unknown-topic", "the topic in 'after' is not one that holds task states")
        }
        let end = clock.now + limits.position
        let signal = view.watch()
        defer { view.unwatch(signal) }
        while true {
            try await asking { try await view.catchUp() }
            let reached = try await view.position(of: position.partition)
            if reached > position.offset { return }
            guard clock.now < end else {
                throw Problem(
                    .conflict, "stale",
                    "the view is at \(position.partition)@\(reached), before the requested position",
                    retryAfter: .seconds(1))
            }
            await signal.wait(until: min(end, clock.now + .milliseconds(500)), by: clock)
        }
    }

    private func search(_ call: Call) async throws -> Response {
        let tenant = try tenant(call)
        let search = try TaskQuery.search(call.query, tenant: tenant)
        guard let slot = searches.enter(call.caller, tenant: tenant) else { throw Self.tooManySearches }
        let page = try await view.search(search)
        withExtendedLifetime(slot) {}
        return JSONAnswer.response(
            .ok, PageDocument(tasks: page.tasks.map { StatusDocument($0) }, next: page.next.map(TaskQuery.text)))
    }

    private func batch(_ call: Call) async throws -> Response {
        let batch = ByteText(try call.parameter("batch"))
        let document = try await progress(tenant: try tenant(call), batch: batch)
        guard document.counts.accepted > 0 else {
            throw Problem(.notFound, "unknown-batch", "the tenant has no task in this batch")
        }
        return JSONAnswer.response(.ok, document)
    }

    func progress(tenant: ByteText, batch: ByteText) async throws -> BatchDocument {
        let counts = try await view.counts(batch: batch, tenant: tenant)
        let size = try await view.size(batch: batch, tenant: tenant)
        return BatchDocument(
            tenant: tenant, batch: batch, counts: counts, bytes: size.accepted.bytes,
            bytesSucceeded: size.succeeded.bytes,
            ended: counts.accepted > 0 && counts.ended == counts.accepted)
    }

    /// How many uploads in progress an overview has.
    private static let overviewUploads = 8

    /// Of the caller's tenant, or of all where the caller may see all.
    private func overview(_ call: Call) async throws -> Response {
        for name in call.query.keys where name != "batch" && name != "tenant" {
            throw TaskQuery.bad("'\(name.prefix(64))' is not a parameter here; the parameters are batch, tenant")
        }
        let tenant = call.query["tenant"].map { ByteText($0) } ?? call.caller.tenant
        if let tenant {
            try TaskQuery.check(tenant: tenant)
            try call.caller.require(tenant: tenant)
        }
        let batch = try call.query["batch"].map(TaskQuery.batch)
        guard let slot = searches.enter(call.caller, tenant: tenant ?? "") else { throw Self.tooManySearches }
        let question = OverviewCache.Question(tenant: tenant, batch: batch)
        let found = try await overviews.answer(question) {
            // The answer tells how old it is.
            try? await Deadline.run(Self.briefly) { try await view.catchUp() }
        } _: {
            do {
                return try await Deadline.run(limits.query) {
                    try await view.overview(batch: batch, tenant: tenant, uploads: Self.overviewUploads)
                }
            } catch is Deadline.Passed {
                throw Problem(
                    .serviceUnavailable, "too-slow", "the tasks could not be counted in time; ask for one batch",
                    retryAfter: .seconds(30))
            }
        }
        withExtendedLifetime(slot) {}
        return JSONAnswer.response(.ok, OverviewDocument(found))
    }

    private func tenants(_ call: Call) async throws -> Response {
        for name in call.query.keys {
            throw TaskQuery.bad("'\(name.prefix(64))' is not a parameter here; there is none")
        }
        let tenants = if let own = call.caller.tenant { [own] } else { try await view.tenants() }
        return JSONAnswer.response(.ok, TenantsDocument(tenants: tenants))
    }

    private struct ReasonsDocument: Encodable {
        var reasons: [ReasonDocument]
    }

    private func reasons(_ call: Call) async throws -> Response {
        let tenant = try tenant(call)
        for name in call.query.keys where name != "batch" {
            throw TaskQuery.bad("'\(name.prefix(64))' is not a parameter here; the parameter is batch")
        }
        let batch = try call.query["batch"].map(TaskQuery.batch)
        guard let slot = searches.enter(call.caller, tenant: tenant) else { throw Self.tooManySearches }
        let found = try await view.reasons(batch: batch, tenant: tenant)
        withExtendedLifetime(slot) {}
        return JSONAnswer.response(.ok, ReasonsDocument(reasons: found.map(ReasonDocument.init)))
    }

    static let tooManySearches = Problem(
        .serviceUnavailable, "too-many-searches", "too many searches are running", retryAfter: .seconds(1))

    private func usage(_ call: Call) async throws -> Response {
        let tenant = try tenant(call)
        let count = try await asking {
            try await view.catchUp()
            return try await view.unacknowledged(tenant: tenant)
        }
        return JSONAnswer.response(.ok, UsageDocument(tenant: tenant, unacknowledged: count))
    }
}
