internal import BackhaulDomain
internal import BackhaulSQLite
internal import BackhaulTelemetry
internal import BackhaulUnits
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Synchronization

/// Finds a request's route, authenticates the caller, runs the handler, and turns every failure into a problem
/// document. Details that are not for callers are only logged.
struct RouteMiddleware: RouterMiddleware {
    typealias Context = APIContext

    let routes: [APIRoute]
    let authenticator: Authenticator
    let meters: WebMeters
    let connections: ConnectionGuard.Table
    let proxies: [AddressRange]
    let quotas: @Sendable (ByteText) -> TenantQuota
    let log = Log()
    let logger: Logger

    /// What of the refusals is logged, and recorded as acts.
    final class Log: Sendable {
        struct Line: Hashable, Sendable {
            var network: ClientNetwork
            var code: String
        }

        let lines = Mutex(RefusalLog<Line>(perKey: 5, total: 200))
        let acts = Mutex(RefusalLog<String>(perKey: 60, total: 600))
    }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let path = request.uri.path
        let matching = routes.compactMap { route in APIRoute.match(route.pattern, path).map { (route, $0) } }
        let response = await answer(request, context, matching)
        let pattern = matching.first?.0.pattern ?? "unknown"
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        meters.requests.observe(seconds, [pattern, "\(response.status.code / 100)xx"])
        return response
    }

    private func answer(
        _ request: Request, _ context: Context, _ matching: [(APIRoute, parameters: [String: String])]
    ) async -> Response {
        var caller: Caller?
        let client = ClientAddress(
            peer: context.channel.remoteAddress, headers: request.headers, proxies: proxies)
        do {
            guard !matching.isEmpty else { throw Problem(.notFound, "not-found", "no such path") }
            guard let (route, parameters) = matching.first(where: { $0.0.method == request.method }) else {
                let allowed = matching.map(\.0.method.rawValue).joined(separator: ", ")
                var response = Problem(.methodNotAllowed, "method-not-allowed", "this path accepts \(allowed)").response
                response.headers[.allow] = allowed
                return response
            }
            var known = Caller.anyone
            let authorization = request.headers[.authorization]
            if !authenticator.isOn { try WebPageCheck.check(request.head) }
            if let scope = route.scope {
                known = try await authenticator.caller(authorization: authorization, from: client.network)
                caller = known
                let limit = known.tenant.map { quotas($0).connections } ?? 0
                guard connections.proved(context.channel, tenant: known.tenant, limit: limit) else {
                    throw Problem(
                        .tooManyRequests, "too-many-connections", "the tenant has \(limit) connections, all in use",
                        retryAfter: .seconds(1))
                }
                try known.require(scope)
            }
            var query: [String: String] = [:]
            for (name, value) in request.uri.queryParameters { query[String(name)] = String(value) }
            let authenticator = authenticator
            let channel = context.channel
            let call = Call(
                caller: known, parameters: parameters, query: query, address: client.text,
                check: { [known] in
                    guard let scope = route.scope else { return }
                    let current = try await authenticator.caller(authorization: authorization)
                    try current.require(scope)
                    // The request goes on as the caller that began it.
                    guard current.name == known.name, current.tenant == known.tenant else {
                        throw Problem(
                            .forbidden, "changed-caller",
                            "the credentials were given to another name or tenant; send the request again")
                    }
                },
                authenticator: authenticator,
                isWorking: { isWorking in
                    channel.triggerUserOutboundEvent(SlowClientGuard.Working(isSo: isWorking), promise: nil)
                },
                refused: { [known] problem, parts in
                    refused(problem, parts: parts, request, route.pattern, client, known)
                },
                refusedActs: { [known, log] in log.acts.withLock { $0.omitted(before: known.name, .now) } })
            return try await route.handler(request, call)
        } catch let problem as Problem {
            refused(problem, request, matching.first?.0.pattern ?? "unknown", client, caller)
            return problem.response
        } catch let error as HTTPError {
            return Problem(error.status, "http-\(error.status.code)", error.body ?? error.status.reasonPhrase).response
        } catch let error as DatabaseFailure {
            // Its path is not for callers.
            logger.error("the status view cannot be used", metadata: ["error": "\(error)"])
            let why = error.isFull ? "its disk is full" : "see the service's log output"
            return Problem(
                .serviceUnavailable, "view-unavailable", "the status view cannot be used: \(why)",
                retryAfter: .seconds(30)
            ).response
        } catch is CancellationError {
            return Problem(.serviceUnavailable, "stopping", "the service is stopping", retryAfter: .seconds(1)).response
        } catch {
            logger.error("a request failed", metadata: ["error": "\(error)"])
            return Problem(.internalServerError, "internal", "internal error; see the service's log output").response
        }
    }

    /// Counts every refusal; logs 401, 403 and 429, as many as `RefusalLog` lets pass.
    private func refused(
        _ problem: Problem, parts: Int = 1, _ request: Request, _ pattern: String, _ client: ClientAddress,
        _ caller: Caller?
    ) {
        meters.refusals.add(Double(parts), [problem.code])
        guard [401, 403, 429].contains(problem.status.code) else { return }
        let key = Log.Line(network: client.network, code: problem.code)
        guard let omitted = log.lines.withLock({ $0.omitted(before: key, .now) }) else { return }
        var metadata: Logger.Metadata = [
            "code": "\(problem.code)", "detail": "\(problem.detail)", "caller": "\(caller?.name ?? "unknown")",
            "remote": "\(client.text)", "method": "\(request.method.rawValue)", "route": "\(pattern)",
        ]
        if parts > 1 { metadata["lines"] = "\(parts)" }
        if omitted > 0 { metadata["omitted"] = "\(omitted)" }
        logger.warning("refused", metadata: metadata)
    }
}
