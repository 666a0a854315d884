package import BackhaulDomain
internal import BackhaulLog
package import Foundation

/// An acknowledger's view, asked by HTTP.
package struct RemoteDirectory: TaskDirectory {
    private let base: String
    private let send: @Sendable (_ method: String, _ url: String, _ body: Data?) async throws -> Data

    /// - Parameters:
    ///   - base: the acknowledger's API, without a slash at the end.
    ///   - send: makes a request with the credentials that the API wants; gives the body of a 2xx answer.
    package init(
        base: String, send: @escaping @Sendable (_ method: String, _ url: String, _ body: Data?) async throws -> Data
    ) {
        self.base = base
        self.send = send
    }

    package func known(_ identities: [TaskIdentity]) async throws -> DirectoryAnswer {
        let question = LookupDocument.Question(
            tasks: identities.map { LookupDocument.Task(tenant: $0.tenant, taskId: $0.id) })
        let data = try await send("POST", base + "/v1/tasks:lookup", try JSONEncoder().encode(question))
        let answer = try JSONDecoder().decode(LookupDocument.Answer.self, from: data)
        var tasks: [TaskIdentity: DirectoryAnswer.Task] = [:]
        for (identity, known) in zip(identities, answer.tasks) {
            guard let known, let fingerprint = Hex.decode(known.fingerprint) else { continue }
            tasks[identity] = DirectoryAnswer.Task(position: known.position.position, fingerprint: Array(fingerprint))
        }
        return DirectoryAnswer(tasks: tasks, lag: answer.viewLag)
    }

    package func unacknowledged(tenant: String) async throws -> Int {
        let data = try await send("GET", base + "/v1/tenants/\(tenant)/usage", nil)
        return try JSONDecoder().decode(UsageDocument.self, from: data).unacknowledged
    }
}
