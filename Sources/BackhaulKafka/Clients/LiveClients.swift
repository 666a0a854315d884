internal import CLibrdkafka
internal import Synchronization

/// The clients that exist now, for credentials that change while they run.
///
/// A client is taken out before it is destroyed, under the lock under which it is spoken to: none is spoken to afterwards.
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
            // Made with the configuration of the start, which may be outdated by now.
            if let (user, password) = state.credentials { try Self.set(user, password, handle) }
        }
    }

    func remove(_ handle: KafkaHandle) {
        state.withLock { _ = $0.handles.removeValue(forKey: ObjectIdentifier(handle)) }
    }

    /// From now on every client says this user and password when it has to say who it is; connections stay.
    /// - Throws: `KafkaFailure`.
    func replaceCredentials(user: String, password: String) throws {
        try state.withLock { state in
            state.credentials = (user, password)
            for handle in state.handles.values { try Self.set(user, password, handle) }
        }
    }

    private static func set(_ user: String, _ password: String, _ handle: KafkaHandle) throws {
        guard let error = rd_kafka_sasl_set_credentials(handle.client, user, password) else { return }
        let owner = Owned(error) { rd_kafka_error_destroy($0) }
        throw KafkaFailure(
            rd_kafka_error_code(owner.object), rd_kafka_error_string(owner.object).map { String(cString: $0) })
    }
}
