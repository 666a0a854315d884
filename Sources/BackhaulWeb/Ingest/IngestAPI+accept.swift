internal import BackhaulDomain
internal import BackhaulIngest
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulTelemetry
internal import BackhaulUnits
internal import BackhaulView
internal import HTTPTypes
internal import Logging

/// Sorts checked tasks: already known, over a limit, or appended to the log.
extension IngestAPI {
    /// - Returns: a result for each draft, and whether the append to the log succeeded.
    func accept(
        _ drafts: [Checked], _ origin: Origin
    ) async throws -> (results: [Result<IngestAnswer, Problem>], isTaken: Bool) {
        var results: [Result<IngestAnswer, Problem>?] = []
        var good: [(index: Int, draft: TaskDraft)] = []
        for (index, draft) in drafts.enumerated() {
            switch draft {
            case .success(let draft):
                good.append((index, draft))
                results.append(nil)
            case .failure(let problem): results.append(.failure(problem))
            }
        }
        // Known tasks do not count against the limits.
        let (known, told) = await known(good.map(\.draft))
        let lag = told.lag
        for (entry, found) in zip(good, known) { if let found { results[entry.index] = Self.answer(found, lag) } }
        let fresh = zip(good, known).filter { $0.1 == nil }.map(\.0)
        var taken: [(index: Int, draft: TaskDraft)] = []
        for (entry, problem) in zip(fresh, await limited(fresh.map(\.draft))) {
            if let problem { results[entry.index] = .failure(problem) } else { taken.append(entry) }
        }
        var refusal: Problem?
        defer { for (tenant, count) in Self.counts(taken.map(\.draft)) { limits.settle(count, of: tenant) } }
        do {
            let acceptances = taken.isEmpty ? [] : try await ingest.accept(taken.map(\.draft), by: origin.submitter)
            for (entry, acceptance) in zip(taken, acceptances) {
                results[entry.index] = Self.answer(acceptance, lag)
                if case .accepted = acceptance { continue }
                limits.giveBack(entry.draft.size, to: entry.draft.tenant)
            }
        } catch let error as LogError {
            let problem: Problem = Self.refusal(error)
            for entry in taken {
                results[entry.index] = .failure(problem)
                limits.giveBack(entry.draft.size, to: entry.draft.tenant)
            }
            refusal = problem
            logger.warning("tasks were not accepted", metadata: ["error": "\(error)", "tasks": "\(taken.count)"])
        }
        let sorted = results.map { $0 ?? Self.answer(nil, lag) }
        let answers = (refusal == nil ? await resolve(sorted, good, told.tasks, origin) : sorted).map(count)
        await origin.call.recordSubmission(
            of: good.map { ($0.draft.tenant, $0.draft.batch) }, answers, isTaken: refusal == nil,
            to: acts)
        return (answers, refusal == nil)
    }

    private func count(_ result: Result<IngestAnswer, Problem>) -> Result<IngestAnswer, Problem> {
        switch result {
        case .success(let answer): meters.tasks.add(1, [answer.status])
        case .failure(let problem): meters.tasks.add(1, [problem.code])
        }
        return result
    }

    /// What the directory knows of each draft. All are nil without a directory, or when it does not answer: the
    /// tasks are then accepted, and each still has one result.
    private func known(_ drafts: [TaskDraft]) async -> ([Acceptance?], told: DirectoryAnswer) {
        let nothing = ([Acceptance?](repeating: nil, count: drafts.count), DirectoryAnswer(tasks: [:]))
        guard let directory, !drafts.isEmpty else { return nothing }
        let tasks = drafts.map { Ingest.task($0, acceptedAt: .earliest) }
        do {
            let answer = try await directory.known(tasks.map(\.identity))
            let found = try tasks.map { task -> Acceptance? in
                guard let known = answer.tasks[task.identity], let position = known.position else { return nil }
                return try known.fingerprint == TaskFingerprint.of(task)
                    ? .known(task.identity, position) : .conflict(task.identity, position)
            }
            return (found, answer)
        } catch {
            meters.lookupFailures.add()
            logger.warning("the lookup of known tasks failed", metadata: ["error": "\(error)"])
            return nothing
        }
    }

    private static func answer(_ acceptance: Acceptance?, _ lag: Int64?) -> Result<IngestAnswer, Problem> {
        switch acceptance {
        case .accepted(let identity, let position): .success(IngestAnswer("accepted", identity, position, lag))
        case .known(let identity, let position): .success(IngestAnswer("known", identity, position, lag))
        case .conflict(let identity, _):
            .failure(Problem(.conflict, "id-conflict", "task '\(identity.id)' exists with other content"))
        case .rejected(let violation):
            .failure(Problem(.unprocessableContent, violation.code, violation.message))
        case nil: .failure(Problem(.internalServerError, "internal", "the log returned no result for this task"))
        }
    }

    /// Why each draft is over its tenant's limits; nil for those within them. The last drafts of a tenant are
    /// refused.
    /// - Parameter areCounted: whether they count as unacknowledged already.
    func limited(_ drafts: [TaskDraft], areCounted: Bool = false) async -> [Problem?] {
        let sizes = Dictionary(grouping: drafts, by: \.tenant).mapValues { $0.map(\.size) }
        var room: [ByteText: (taken: Int, problem: Problem?)] = [:]
        for (tenant, sizes) in sizes { room[tenant] = await limits.take(sizes, of: tenant, areCounted: areCounted) }
        return drafts.map { draft in
            guard let left = room[draft.tenant] else { return nil }
            if left.taken == 0, let problem = left.problem { return problem }
            room[draft.tenant]?.taken -= 1
            return nil
        }
    }

    static func counts(_ drafts: [TaskDraft]) -> [ByteText: Int] {
        Dictionary(drafts.map { ($0.tenant, 1) }, uniquingKeysWith: +)
    }

    static func refusal(_ error: any Error) -> Problem {
        guard let error = error as? LogError else {
            return Problem(.internalServerError, "internal", "internal error; see the service's log output")
        }
        return refusal(error)
    }

    private static func refusal(_ error: LogError) -> Problem {
        switch error {
        case .recordTooLarge:
            Problem(.contentTooLarge, "too-large", "the task's record is larger than the log accepts")
        case .closed: Problem(.serviceUnavailable, "stopping", "the service is stopping", retryAfter: .seconds(1))
        case _ where error.mayPass:
            Problem(
                .serviceUnavailable, "log-unavailable",
                "the log does not answer and may or may not have the task; submit it again, it still has one result",
                retryAfter: .seconds(5))
        default: Problem(.internalServerError, "log-refused", "the log refuses the task; see the service's log output")
        }
    }
}
