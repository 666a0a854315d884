internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulReplay
internal import BackhaulUnits
internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// Replays of a tenant's dead letters, and the issues that these group into.
extension TasksAPI {
    private struct List<Item: Encodable>: Encodable {
        var items: [Item]
    }

    private struct MuteDocument: Decodable {
        var reason: String

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: AnyKey.self)
            try AnyKey.check(container, ["reason"], in: "the mute")
            reason = try container.decode(String.self, forKey: AnyKey("reason"))
        }
    }

    /// How long a plan may take: it reads all dead letters, and the records of their tasks.
    private static let planning = Duration.seconds(120)

    var replayRoutes: [APIRoute] {
        let replays = "/v1/tenants/{tenant}/replays"
        return [
            APIRoute(.post, replays, .operate) { request, call in try await beginReplay(request, call) },
            APIRoute(.get, replays, .read) { _, call in try await listReplays(call) },
            APIRoute(.get, replays + "/{id}", .read) { _, call in
                JSONAnswer.response(.ok, ReplayDocument(try await replayEntry(call)))
            },
            APIRoute(.post, replays + "/{id}/pause", .operate) { _, call in try await order(.pause, call) },
            APIRoute(.post, replays + "/{id}/resume", .operate) { _, call in try await order(.resume, call) },
            APIRoute(.post, replays + "/{id}/cancel", .operate) { _, call in try await order(.cancel, call) },
            APIRoute(.get, "/v1/tenants/{tenant}/issues", .read) { _, call in try await issues(call) },
            APIRoute(.post, "/v1/issues/{issue}/mute", .operate) { request, call in try await mute(request, call) },
            APIRoute(.post, "/v1/issues/{issue}/unmute", .operate) { _, call in try await mute(nil, call) },
        ]
    }

    /// Plans a replay or a discard, and begins it unless it is a dry run.
    private func beginReplay(_ request: Request, _ call: Call) async throws -> Response {
        let tenant = try tenant(call)
        var query = try await body(request, as: LetterQuery.self)
        query.selection.tenant = tenant
        let wanted = query
        if let destination = wanted.destination {
            // As a submission elsewhere: the same rights apply, and keys are not looked at one by one.
            try call.caller.require(.submit)
            guard call.caller.tenant == nil else {
                throw Problem(
                    .forbidden, "destination-off", "only a caller of all tenants may replay to another destination")
            }
            guard rules.rules.destinations.contains(destination) else {
                throw Problem(
                    .unprocessableContent, "unknown-destination",
                    "destination '\(destination.text.bounded(toBytes: 64))' is not configured here")
            }
        }
        let plan = try await plan(wanted.selection, call, tenant)
        let isDiscard = wanted.action == .discard
        let count = plan.due + (isDiscard ? plan.superseded + plan.unusable : 0)
        // Nothing is begun where there is nothing to do.
        guard !wanted.isDryRun, count > 0 else { return JSONAnswer.response(.ok, PlanDocument(plan)) }
        return try await call.recording(
            isDiscard ? .discard : .replay, tenant: tenant, of: [], detail: wanted.selection.description, to: acts
        ) {
            if isDiscard, wanted.reason.isEmpty {
                throw Problem(.unprocessableContent, "no-reason", "a discard needs a reason")
            }
            // Against the tenant's limits as if its files were submitted again.
            let average = ByteCount(plan.size.bytes / UInt64(max(1, plan.due)))
            let sizes = isDiscard ? [] : [ByteCount](repeating: average, count: plan.due)
            let (taken, problem) = await submissions.take(sizes, of: tenant, areCounted: true)
            if let problem, taken < sizes.count {
                for _ in 0..<taken { submissions.giveBack(average, to: tenant) }
                throw problem
            }
            let record: ReplayRecord
            do {
                record = try await asking {
                    try await replay.begin(
                        wanted.action, wanted.selection, by: ByteText(call.caller.name), reason: wanted.reason,
                        to: wanted.destination, pace: wanted.pace, plan: plan)
                }
            } catch {
                for size in sizes { submissions.giveBack(size, to: tenant) }
                throw error
            }
            return JSONAnswer.response(.created, ReplayDocument(ReplayBook.Entry(replay: record)))
        }
    }

    private func plan(_ selection: LetterSelection, _ call: Call, _ tenant: ByteText) async throws -> ReplayPlan {
        guard let slot = searches.enter(call.caller, tenant: tenant) else { throw Self.tooManySearches }
        defer { withExtendedLifetime(slot) {} }
        do {
            return try await Deadline.run(Self.planning) { try await replay.plan(selection) }
        } catch is Deadline.Passed {
            throw Problem(
                .serviceUnavailable, "too-slow", "the dead letters could not be read in time; select fewer",
                retryAfter: .seconds(60))
        } catch let error as LogError where error.mayPass {
            throw Problem(.serviceUnavailable, "log-unavailable", "the log does not answer", retryAfter: .seconds(5))
        }
    }

    private func listReplays(_ call: Call) async throws -> Response {
        let tenant = try tenant(call)
        let book = try await asking { try await replay.book() }
        let own = book.sorted.filter { $0.replay.selection.tenant == tenant }
        return JSONAnswer.response(.ok, List(items: own.suffix(Self.largestList).map(ReplayDocument.init)))
    }

    /// The replay of the path; of another tenant it is as unknown as one that there is not.
    private func replayEntry(_ call: Call) async throws -> ReplayBook.Entry {
        let tenant = try tenant(call)
        let id = try call.parameter("id")
        let book = try await asking { try await replay.book() }
        guard let entry = book.entries[id], entry.replay.selection.tenant == tenant else {
            throw Problem(.notFound, "unknown-replay", "the tenant has no such replay")
        }
        return entry
    }

    private func order(_ kind: ReplayOrder.Kind, _ call: Call) async throws -> Response {
        let entry = try await replayEntry(call)
        let tenant = entry.replay.selection.tenant
        return try await call.recording(
            entry.replay.action == .discard ? .discard : .replay, tenant: tenant, of: [],
            detail: "\(kind.rawValue) \(entry.replay.id)", to: acts
        ) {
            guard entry.takes(kind) else {
                throw Problem(
                    .conflict, "wrong-phase",
                    "the \(entry.replay.action.rawValue) is \(entry.phase): no \(kind.rawValue)")
            }
            try await asking { try await replay.order(kind, entry.replay.id, by: ByteText(call.caller.name)) }
            return JSONAnswer.response(.accepted, ReplayDocument(entry))
        }
    }

    private func issues(_ call: Call) async throws -> Response {
        let tenant = try tenant(call)
        let plan = try await plan(LetterSelection(tenant: tenant), call, tenant)
        let book = try await asking { try await replay.book() }
        // Who of the operators has muted it, and why, is not the tenant's.
        let mutes =
            call.caller.tenant == nil
            ? book.mutes : book.mutes.mapValues { IssueMute(by: "operator", reason: "", at: $0.at) }
        return JSONAnswer.response(.ok, List(items: PlanDocument(plan, mutes: mutes).issues))
    }

    /// - Parameter request: nil shows the issue again.
    private func mute(_ request: Request?, _ call: Call) async throws -> Response {
        guard call.caller.tenant == nil else {
            throw Problem(.forbidden, "wrong-tenant", "an issue concerns all tenants: only a caller of all may mute it")
        }
        let issue = try call.parameter("issue")
        guard issue.utf8.count == 12, Hex.decode(issue) != nil else {
            throw Problem(.notFound, "unknown-issue", "an issue's id has twelve hex digits")
        }
        var mute: IssueMute?
        if let request {
            let reason = try await body(request, as: MuteDocument.self).reason
            mute = IssueMute(by: ByteText(call.caller.name), reason: reason, at: clock.wall)
        }
        let wanted = mute
        return try await call.recording(
            .mute, tenant: nil, of: [], detail: "\(wanted == nil ? "unmute" : "mute") \(issue)", to: acts
        ) {
            try await asking { try await replay.mute(issue, wanted) }
            return JSONAnswer.response(.ok, ["issue": issue, "status": wanted == nil ? "shown" : "muted"])
        }
    }
}
