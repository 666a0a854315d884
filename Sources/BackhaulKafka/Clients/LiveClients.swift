internal import CLibrdkafka
internal import Synchronization

/// The clients that exist now, so that they receive new credentials.
///
/// A client is removed before it is destroyed. Removal and calls to clients take the same lock, so no call reaches a
/// destroyed client.
final class LiveClients: Sendable {
    private struct State {
        var handles: [ObjectIdentifier: KafkaHandle] = [:]
        var credentials: (user: String, password: String)?
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.handles.count } }

    func add(_ handle: KafkaHandle) throws {
        try state.withLock { state in
            state.handles[ObjectIdentifier(handle)] = handle
            // The client was created with the credentials of the start, which may be outdated.
            if let (user, password) = state.credentials { try Self.set(user, password, handle) }
        }
    }

    func remove(_ handle: KafkaHandle) {
        state.withLock { _ = $0.handles.removeValue(forKey: ObjectIdentifier(handle)) }
    }

    /// Makes every client use this user and password for new connections; existing ones stay open.
    /// - Throws: `KafkaError`.
    func replaceCredentials(user: String, password: String) throws {
        try state.withLock { state in
            state.credentials = (user, password)
            for handle in state.handles.values { try Self.set(user, password, handle) }
        }
    }

    private static func set(_ user: String, _ password: String, _ handle: KafkaHandle) throws {
        guard let error = rd_kafka_sasl_set_credentials(handle.client, user, password) else { return }
        let owner = Owned(error) { rd_kafka_error_destroy($0) }
        throw KafkaError(
            rd_kafka_error_code(owner.object), rd_kafka_error_string(owner.object).map { String(cString: $0) })
    }
}
