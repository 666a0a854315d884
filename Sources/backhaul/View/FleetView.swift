import BackhaulDomain
import BackhaulView
import BackhaulWeb

/// The views of a fleet's acknowledgers as one: each question goes to the one that answered last, and to the others
/// when it does not answer.
actor FleetView: ViewReader {
    private let apis: [AcknowledgerAPI]
    private var current = 0
    /// Of the pauses between rounds, in which all are asked.
    private static let pauses: [Duration] = [.milliseconds(300), .seconds(1), .seconds(2), .seconds(4)]

    /// - Parameter apis: the best first; at least one.
    init(_ apis: [AcknowledgerAPI]) { self.apis = apis }

    func catchUp() async throws { try await ask { try await $0.catchUp() } }

    func overview(batch: ByteText?, tenant: ByteText?, uploads limit: Int) async throws -> Overview {
        try await ask { try await $0.overview(batch: batch, tenant: tenant, uploads: limit) }
    }

    func tenants() async throws -> [ByteText] { try await ask { try await $0.tenants() } }

    func search(_ search: TaskSearch) async throws -> TaskPage { try await ask { try await $0.search(search) } }

    func attempts(_ status: TaskStatus) async throws -> [AttemptStatus] {
        try await ask { try await $0.attempts(status) }
    }

    func known(_ identities: [TaskIdentity]) async throws -> [TaskIdentity: KnownTask] {
        try await ask { try await $0.known(identities) }
    }

    /// - Throws: `CommandError`, temporary once none has answered in about seven seconds.
    private func ask<Value: Sendable>(
        _ question: @Sendable (RemoteView) async throws -> Value
    ) async throws -> Value {
        var rounds = Self.pauses.makeIterator()
        while true {
            var last: CommandError?
            for _ in apis {
                do {
                    return try await question(apis[current].view)
                } catch let error as CommandError where error.exit == .temporary {
                    last = error
                    current = (current + 1) % apis.count
                }
            }
            guard let pause = rounds.next() else {
                throw last ?? CommandError("no acknowledger's API answers", exit: .temporary)
            }
            try await ContinuousClock().sleep(for: pause)
        }
    }

    func close() async { for api in apis { await api.close() } }
}
