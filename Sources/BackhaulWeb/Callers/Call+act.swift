internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits
internal import HTTPTypes

/// Records what callers do, with its outcome, before they are answered.
extension Call {
    private var actor: Act.Actor { Act.Actor(name: ByteText(caller.name), way: .http, address: address) }

    /// Runs an action on tasks and records how it ended.
    /// - Parameters:
    ///   - asked: what was asked for beyond the kind.
    ///   - acts: nil records nothing, in tests.
    ///   - ending: how an action on several tasks ended, and how many of them ended how.
    func recording<Value>(
        _ kind: Act.Kind, tenant: ByteText?, of ids: [ByteText], detail asked: String = "", to acts: ActRecorder?,
        ending: (Value) -> (outcome: Act.Outcome, counts: [String: Int]) = { _ in (.done, [:]) },
        _ body: () async throws -> Value
    ) async throws -> Value {
        func act(_ outcome: Act.Outcome, _ detail: String, _ counts: [String: Int] = [:]) -> Act {
            Act(
                kind, outcome, by: actor, tenant: tenant, taskIDs: ids, tasks: ids.count, counts: counts,
                detail: [asked, detail].filter { !$0.isEmpty }.joined(separator: "; "), at: SystemLogClock.wall)
        }
        do {
            let value = try await body()
            let (outcome, counts) = ending(value)
            if let omitted = outcome == .refused ? refusedActs() : 0 {
                await acts?.record(act(outcome, Self.text("", after: omitted), counts))
            }
            return value
        } catch let problem as Problem {
            let text = "\(problem.code): \(problem.detail)"
            if problem.status.code < 500 {
                guard let omitted = refusedActs() else { throw problem }
                await acts?.record(act(.refused, Self.text(text, after: omitted)))
            } else {
                acts?.miss(act(.failed, text), Self.noLog)
            }
            throw problem
        } catch {
            acts?.miss(act(.failed, "internal"), Self.noLog)
            throw error
        }
    }

    private static func text(_ detail: String, after omitted: Int) -> String {
        let rest = omitted == 0 ? "" : "\(omitted) refused acts of this caller before it are not recorded"
        return [detail, rest].filter { !$0.isEmpty }.joined(separator: "; ")
    }

    /// The caller must not wait once more for a log that has just not answered.
    private static let noLog = "the log did not answer the request itself"

    /// Records a submission by the answers to its tasks.
    /// - Parameter isTaken: whether the log has answered.
    func recordSubmission(
        of drafts: [(tenant: ByteText, batch: ByteText)], _ results: [Result<IngestAnswer, Problem>],
        isTaken: Bool, to acts: ActRecorder?
    ) async {
        guard let acts, !results.isEmpty else { return }
        var counts: [String: Int] = [:]
        var ids: [ByteText] = []
        var detail = ""
        for result in results {
            switch result {
            case .success(let answer):
                counts[answer.status, default: 0] += 1
                if ids.count < Act.listed { ids.append(answer.taskId) }
            case .failure(let problem):
                counts[problem.code, default: 0] += 1
                if detail.isEmpty { detail = "\(problem.code): \(problem.detail)" }
            }
        }
        let refused = results.count - (counts["accepted"] ?? 0) - (counts["known"] ?? 0)
        let outcome: Act.Outcome =
            !isTaken ? .failed : refused == 0 ? .done : refused == results.count ? .refused : .partly
        if outcome == .refused {
            guard let omitted = refusedActs() else { return }
            detail = Self.text(detail, after: omitted)
        }
        let act = Act(
            .submit, outcome, by: actor, tenant: Self.common(drafts.map(\.tenant)) ?? caller.tenant,
            batch: Self.common(drafts.map(\.batch)), taskIDs: ids, tasks: results.count, counts: counts, detail: detail,
            at: SystemLogClock.wall)
        if isTaken { await acts.record(act) } else { acts.miss(act, Self.noLog) }
    }

    /// What all are; nil when they differ.
    private static func common(_ texts: [ByteText]) -> ByteText? {
        guard let first = texts.first, !first.isEmpty, texts.allSatisfy({ $0 == first }) else { return nil }
        return first
    }
}
