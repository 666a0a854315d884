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
    func recording<Value>(
        _ kind: Act.Kind, tenant: ByteText?, of ids: [ByteText], detail asked: String = "", to acts: ActRecorder?,
        _ body: () async throws -> Value
    ) async throws -> Value {
        func record(_ outcome: Act.Outcome, _ detail: String) async {
            await acts?.record(
                Act(
                    kind, outcome, by: actor, tenant: tenant, taskIDs: ids, tasks: ids.count,
                    detail: [asked, detail].filter { !$0.isEmpty }.joined(separator: "; "), at: SystemLogClock.wall))
        }
        do {
            let value = try await body()
            await record(.done, "")
            return value
        } catch let problem as Problem {
            await record(problem.status.code < 500 ? .refused : .failed, "\(problem.code): \(problem.detail)")
            throw problem
        } catch {
            await record(.failed, "internal")
            throw error
        }
    }

    /// Records a submission by the answers to its tasks.
    func recordSubmission(
        of drafts: [(tenant: ByteText, batch: ByteText)], _ results: [Result<IngestAnswer, Problem>],
        to acts: ActRecorder?
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
        await acts.record(
            Act(
                .submit, refused == 0 ? .done : refused == results.count ? .refused : .partly, by: actor,
                tenant: Self.common(drafts.map(\.tenant)) ?? caller.tenant, batch: Self.common(drafts.map(\.batch)),
                taskIDs: ids, tasks: results.count, counts: counts, detail: detail, at: SystemLogClock.wall))
    }

    /// What all are; nil when they differ.
    private static func common(_ texts: [ByteText]) -> ByteText? {
        guard let first = texts.first, !first.isEmpty, texts.allSatisfy({ $0 == first }) else { return nil }
        return first
    }
}
