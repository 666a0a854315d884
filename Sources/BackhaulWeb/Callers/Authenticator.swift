internal import BackhaulLog
package import BackhaulUnits
internal import HTTPTypes
internal import Synchronization

/// Identifies callers by a token of the table or by a JWT.
///
/// The table may be replaced while requests are served; open streams are told and check their caller again.
package final class Authenticator: Sendable {
    private struct State {
        var callers: [String: Caller]
        var failures = FailureThrottle()
        /// Raised when the table is replaced.
        var watchers: [Int: Signal] = [:]
        var lastWatcher = 0
    }

    /// False permits every caller everything.
    let isOn: Bool
    private let state: Mutex<State>
    private let bearer: BearerTokens?
    private let now: @Sendable () -> Timestamp

    /// - Parameters:
    ///   - isOn: false permits every caller everything; the command line allows that on loopback only.
    ///   - bearer: checks JWTs; nil when none are accepted.
    ///   - now: the wall clock, for expiries.
    package init(
        isOn: Bool, tokens: [APIToken], bearer: BearerTokens? = nil,
        now: @escaping @Sendable () -> Timestamp = { SystemLogClock.wall }
    ) {
        self.isOn = isOn
        self.bearer = bearer
        self.now = now
        state = Mutex(State(callers: Self.table(tokens)))
    }

    /// Accepts only these tokens from now on, and tells open streams to check their callers.
    package func replace(_ tokens: [APIToken]) {
        let table = Self.table(tokens)
        let watchers = state.withLock { state in
            state.callers = table
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.raise() }
    }

    /// The number of tokens that are accepted, those that have expired included.
    package var count: Int { state.withLock { Set($0.callers.values.map(\.name)).count } }

    /// The earliest future expiry of a token; nil when none expires.
    package var nextExpiry: Timestamp? {
        let time = now()
        return state.withLock { $0.callers.values.compactMap(\.expiresAt).filter { $0 > time }.min() }
    }

    /// Raised at each change of the tokens, until `unwatch`.
    func watch() -> (id: Int, signal: Signal) {
        let signal = Signal()
        return state.withLock { state in
            state.lastWatcher += 1
            state.watchers[state.lastWatcher] = signal
            return (state.lastWatcher, signal)
        }
    }

    func unwatch(_ id: Int) { state.withLock { $0.watchers[id] = nil } }

    private static func table(_ tokens: [APIToken]) -> [String: Caller] {
        Dictionary(tokens.flatMap { token in token.sha256.map { ($0, token.caller) } }) { first, _ in first }
    }

    /// The caller of a request with this `Authorization` field (RFC 6750).
    /// - Parameter network: where the request comes from. One that fails too often is refused before a signature is
    ///   verified; good credentials from there are always accepted, since callers may share an address. nil for no
    ///   limit.
    /// - Throws: `Problem` with 401 (429 for a network that fails too often; 503 while the keys of JWTs cannot be
    ///   fetched).
    func caller(authorization: String?, from network: ClientNetwork? = nil) async throws -> Caller {
        guard isOn else { return .anyone }
        let time = ContinuousClock.now
        let isThrottled = network.map { network in state.withLock { $0.failures.isThrottled(network, time) } } ?? false
        do {
            return try await identify(authorization, isThrottled)
        } catch let problem as Problem where problem.status == .unauthorized {
            // Without credentials nothing is guessed, and nothing was looked up.
            guard let network, authorization != nil else { throw problem }
            state.withLock { $0.failures.failed(network, time) }
            throw isThrottled ? FailureThrottle.problem : problem
        }
    }

    private func identify(_ authorization: String?, _ isThrottled: Bool) async throws -> Caller {
        guard let authorization else {
            throw Problem(.unauthorized, "unauthenticated", "send 'Authorization: Bearer TOKEN'")
        }
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", parts[1].utf8.count <= Self.longest else {
            throw Problem(.unauthorized, "unauthenticated", "only 'Authorization: Bearer TOKEN' is accepted")
        }
        let text = String(parts[1])
        // The lookup is by hash, so its duration reveals nothing about a token.
        let digest = APIToken.hash(text)
        if let caller = state.withLock({ $0.callers[digest] }) {
            guard caller.expiresAt.map({ now() < $0 }) ?? true else {
                throw Problem(.unauthorized, "expired-token", "the token has expired; ask the operator for a new one")
            }
            return caller
        }
        guard let bearer, text.contains(".") else {
            throw Problem(.unauthorized, "unknown-token", "the token is unknown or was revoked")
        }
        return try await bearer.caller(text, isThrottled: isThrottled)
    }

    /// The longest credential that is accepted, in bytes.
    private static let longest = 16 << 10
}
