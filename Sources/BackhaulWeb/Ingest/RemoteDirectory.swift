package import BackhaulDomain
internal import BackhaulLog
internal import BackhaulView
package import Foundation
internal import Synchronization

/// An acknowledger's view, queried over HTTP.
///
/// Optional for ingest: a query times out after one second, and a failed one stops queries for 5 seconds. An
/// unreachable view must not delay ingest.
package final class RemoteDirectory: TaskDirectory {
    struct Away: Error {}

    private let base: String
    private let send: @Sendable (_ method: String, _ url: String, _ body: Data?) async throws -> Data
    private let awayUntil = Mutex<ContinuousClock.Instant?>(nil)

    private static let patience = Duration.seconds(1)
    private static let pause = Duration.seconds(5)

    /// - Parameters:
    ///   - base: the URL of the acknowledger's API, without a trailing slash.
    ///   - send: makes a request with the API's credentials and returns the body of a 2xx response.
    package init(
        base: String, send: @escaping @Sendable (_ method: String, _ url: String, _ body: Data?) async throws -> Data
    ) {
        self.base = base
        self.send = send
    }

    package func known(_ identities: [TaskIdentity]) async throws -> DirectoryAnswer {
        let question = LookupDocument.Question(
            tasks: identities.map { LookupDocument.Task(tenant: $0.tenant, taskId: $0.id) })
        let data = try await ask("POST", "/v1/tasks:lookup", try JSONEncoder().encode(question))
        let answer = try JSONDecoder().decode(LookupDocument.Answer.self, from: data)
        var tasks: [TaskIdentity: KnownTask] = [:]
        for (identity, known) in zip(identities, answer.tasks) { tasks[identity] = known?.task }
        return DirectoryAnswer(tasks: tasks, lag: answer.viewLag)
    }

    package func states(_ identities: [TaskIdentity]) async throws -> DirectoryAnswer { try await known(identities) }

    package func unacknowledged(tenant: ByteText) async throws -> Int {
        // The name becomes part of a URL, so it must be a valid tenant name.
        try TaskRules.checkTenant(tenant)
        let data = try await ask("GET", "/v1/tenants/\(tenant)/usage", nil)
        let count = try JSONDecoder().decode(UsageDocument.self, from: data).unacknowledged
        return min(max(count, Domain.counts.lowerBound), Domain.counts.upperBound)
    }

    private func ask(_ method: String, _ path: String, _ body: Data?) async throws -> Data {
        let now = ContinuousClock.now
        guard awayUntil.withLock({ $0.map { $0 <= now } ?? true }) else { throw Away() }
        do {
            let url = base + path
            let send = send
            let data = try await Deadline.run(Self.patience) { try await send(method, url, body) }
            awayUntil.withLock { $0 = nil }
            return data
        } catch {
            awayUntil.withLock { $0 = ContinuousClock.now + Self.pause }
            throw error
        }
    }
}
