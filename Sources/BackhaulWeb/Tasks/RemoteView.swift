package import BackhaulDomain
internal import BackhaulLog
internal import BackhaulUnits
package import BackhaulView
package import Foundation

/// An acknowledger's view, queried over HTTP: `TasksAPI` serves it.
package struct RemoteView: ViewReader {
    private let base: String
    private let send: @Sendable (_ method: String, _ url: String, _ body: Data?) async throws -> Data

    /// - Parameters:
    ///   - base: the URL of the acknowledger's API, without a trailing slash.
    ///   - send: makes a request with the API's credentials and returns the body of a 2xx response.
    package init(
        base: String, send: @escaping @Sendable (_ method: String, _ url: String, _ body: Data?) async throws -> Data
    ) {
        self.base = base
        self.send = send
    }

    /// Has the acknowledger's view read what the log holds, as far as it can in a second.
    package func catchUp() async throws { _ = try await probe() }

    /// Asks nothing but whether the API answers.
    /// - Returns: how many records of the log its view has not read.
    package func probe() async throws -> Int64 { try await ask([], catchUp: true).viewLag }

    package func overview(batch: ByteText?, tenant: ByteText?, uploads limit: Int) async throws -> Overview {
        let query = Self.query([("batch", batch?.text), ("tenant", tenant?.text)])
        var overview = try await get("/v1/overview" + query, as: OverviewDocument.self).overview
        overview.uploads = Array(overview.uploads.prefix(limit))
        return overview
    }

    package func tenants() async throws -> [ByteText] {
        try await get("/v1/tenants", as: TenantsDocument.self).tenants
    }

    package func search(_ search: TaskSearch) async throws -> TaskPage {
        let query = Self.query([
            ("batch", search.batch?.text), ("state", search.state?.rawValue), ("open", search.isOpen ? "true" : nil),
            ("destination", search.destination?.text), ("failure", search.failure), ("name", search.name?.text),
            ("acceptedFrom", search.acceptedFrom.map(TimeText.format)),
            ("acceptedBefore", search.acceptedBefore.map(TimeText.format)),
            ("limit", String(min(search.limit, TaskQuery.largestPage))), ("cursor", search.after.map(TaskQuery.text)),
        ])
        let page = try await get(
            "/v1/tenants/\(Self.escaped(search.tenant.text))/tasks\(query)", as: PageDocument.self)
        return TaskPage(tasks: page.tasks.map(\.taskStatus), next: page.next.flatMap(TaskQuery.cursor))
    }

    package func attempts(_ status: TaskStatus) async throws -> [AttemptStatus] {
        let identity = status.task.identity
        let path = "/v1/tenants/\(Self.escaped(identity.tenant.text))/tasks/\(Self.escaped(identity.id.text))"
        return try await get(path, as: StatusDocument.self).history?.map(\.attemptStatus) ?? []
    }

    package func known(_ identities: [TaskIdentity]) async throws -> [TaskIdentity: KnownTask] {
        var known: [TaskIdentity: KnownTask] = [:]
        for start in stride(from: 0, to: identities.count, by: TasksAPI.largestList) {
            let part = identities[start..<min(start + TasksAPI.largestList, identities.count)]
            for (identity, task) in zip(part, try await ask(part).tasks) {
                // One of version 0.1 does not tell what has become of it.
                if let task = task?.task, task.state != nil { known[identity] = task }
            }
        }
        return known
    }

    private func ask(
        _ identities: some Sequence<TaskIdentity>, catchUp: Bool? = nil
    ) async throws -> LookupDocument.Answer {
        let question = LookupDocument.Question(
            tasks: identities.map { LookupDocument.Task(tenant: $0.tenant, taskId: $0.id) }, catchUp: catchUp,
            withoutRecord: true)
        let data = try await send("POST", base + "/v1/tasks:lookup", try JSONEncoder().encode(question))
        return try JSONDecoder().decode(LookupDocument.Answer.self, from: data)
    }

    private func get<Document: Decodable>(_ path: String, as type: Document.Type) async throws -> Document {
        try JSONDecoder().decode(type, from: try await send("GET", base + path, nil))
    }

    private static func query(_ parameters: [(name: String, value: String?)]) -> String {
        let texts = parameters.compactMap { name, value in value.map { "\(name)=\(escaped($0))" } }
        return texts.isEmpty ? "" : "?" + texts.joined(separator: "&")
    }

    /// Percent-encodes all but unreserved characters (RFC 3986, section 2.3).
    private static func escaped(_ text: String) -> String {
        let unreserved = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }
}
