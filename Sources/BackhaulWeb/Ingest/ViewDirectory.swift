package import BackhaulDomain
package import BackhaulView

/// The view of this process. Limits need it to find known tasks before the append to the log.
package struct ViewDirectory: TaskDirectory {
    private let view: StatusView

    package init(_ view: StatusView) { self.view = view }

    package func known(_ identities: [TaskIdentity]) async throws -> DirectoryAnswer {
        DirectoryAnswer(tasks: try await view.known(identities), lag: nil)
    }

    package func states(_ identities: [TaskIdentity]) async throws -> DirectoryAnswer {
        // A view that is being built may take long: its older word is better than none.
        try? await Deadline.run(.seconds(1)) { try await view.catchUp() }
        return try await known(identities)
    }

    package func unacknowledged(tenant: ByteText) async throws -> Int {
        try await view.catchUp()
        return try await view.unacknowledged(tenant: tenant)
    }
}
