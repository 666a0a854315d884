internal import BackhaulDomain
internal import BackhaulIngest
internal import BackhaulUnits
internal import BackhaulView
internal import HTTPTypes
internal import Logging

/// What becomes of tasks that the log has already: known is not stored.
extension IngestAPI {
    /// Says of each known task what has become of it, and accepts again, or refuses, those that have ended badly.
    /// - Parameter told: what is known of them already.
    func resolve(
        _ answers: [Result<IngestAnswer, Problem>], _ drafts: [(index: Int, draft: TaskDraft)],
        _ told: [TaskIdentity: KnownTask], _ origin: Origin
    ) async -> [Result<IngestAnswer, Problem>] {
        var answers = answers
        let known = drafts.filter { entry in
            if case .success(let answer) = answers[entry.index] { answer.status == "known" } else { false }
        }
        guard !known.isEmpty else { return answers }
        let identities = known.map { Ingest.task($0.draft, acceptedAt: .earliest).identity }
        var found = told
        let unknown = identities.filter { told[$0]?.state == nil }
        if !unknown.isEmpty, let more = try? await states?.states(unknown).tasks { found.merge(more) { $1 } }
        var again: [(index: Int, draft: TaskDraft, generation: Int)] = []
        for (entry, identity) in zip(known, identities) {
            guard let task = found[identity], let state = task.state,
                case .success(var answer) = answers[entry.index]
            else { continue }
            answer.state = state.rawValue
            answer.generation = task.generation
            answers[entry.index] = .success(answer)
            guard [.failed, .expired, .cancelled].contains(state) else { continue }
            switch origin.known {
            case .skip: break
            case .fail:
                answers[entry.index] = .failure(
                    Problem(
                        .conflict, "ended-\(state.rawValue)",
                        "the log knows the task, and it ended as \(state.rawValue)"))
            case .retry:
                guard let next = TaskGeneration(identity: identity, generation: task.generation).next else { continue }
                again.append((entry.index, entry.draft, next.generation))
            }
        }
        for (entry, problem) in zip(again, await limited(again.map(\.draft), areCounted: true)) {
            guard let problem else { continue }
            answers[entry.index] = .failure(problem)
            again.removeAll { $0.index == entry.index }
        }
        guard !again.isEmpty else { return answers }
        do {
            let acceptances = try await ingest.again(again.map { ($0.draft, $0.generation) }, by: origin.submitter)
            for (entry, acceptance) in zip(again, acceptances) {
                // Another submission was faster: the answer stays as it is.
                guard case .accepted(let identity, let position) = acceptance else {
                    limits.giveBack(entry.draft.size, to: entry.draft.tenant)
                    continue
                }
                var answer = IngestAnswer("accepted", identity, position, nil)
                answer.generation = entry.generation
                answers[entry.index] = .success(answer)
            }
        } catch {
            logger.warning("known tasks were not accepted again", metadata: ["error": "\(error)"])
            for entry in again {
                limits.giveBack(entry.draft.size, to: entry.draft.tenant)
                answers[entry.index] = .failure(Self.refusal(error))
            }
        }
        return answers
    }
}
