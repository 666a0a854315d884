import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import BackhaulUnits
import BackhaulWeb
import Foundation
import Logging
import Synchronization

/// The callers' tokens of a running service: read again when their file changes, and at SIGHUP.
///
/// A file that cannot be read or is not a token file revokes every token, whatever the rest of the configuration is: a
/// token must not stay valid because its revocation had a mistake.
final class LiveTokens: Sendable {
    private struct State {
        var path: String
        var tokens: [APISettings.Token]
        /// Why the file revokes every token; nil when it is fine.
        var problem: String?
    }

    private let state: Mutex<State>
    /// Held from the read of the file to the use of its tokens. Else a read before a revocation could be used after one
    /// that came later: the follower reads, SIGHUP reads and applies, the follower applies.
    private let reading = Mutex(())
    private let authenticator: Authenticator
    private let logger: Logger
    private let follower: FileFollower
    /// Each change of the tokens, for one reader.
    let changes: AsyncStream<TokenChange>
    private let told: AsyncStream<TokenChange>.Continuation

    init(_ settings: APISettings, _ authenticator: Authenticator, logger: Logger) {
        state = Mutex(State(path: settings.tokensFile, tokens: settings.tokens))
        self.authenticator = authenticator
        self.logger = logger
        follower = FileFollower(settling: .milliseconds(100))
        (changes, told) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1_000))
    }

    /// Follows the file until cancelled.
    func run() async {
        await follower.run {
            let path = state.withLock(\.path)
            return path.isEmpty ? [] : [path]
        } _: {
            refresh()
        }
    }

    /// Reads the file now.
    func refresh() { reading.withLock { _ in readFile() } }

    private func readFile() {
        let (path, known) = state.withLock { ($0.path, $0) }
        guard !path.isEmpty else { return }
        do throws(SettingsError) {
            let tokens = try TokenFile.read(path)
            guard tokens != known.tokens || known.problem != nil else { return }
            apply(tokens, problem: nil)
            logger.notice("the tokens were read", metadata: ["file": "\(path)", "callers": "\(tokens.count)"])
        } catch {
            guard known.problem != error.description else { return }
            apply([], problem: error.description)
            logger.error(
                "every token is revoked: the token file cannot be used", metadata: ["error": "\(error)"])
        }
    }

    /// Uses the file of a configuration that was read again.
    func use(_ path: String) {
        let isOther = state.withLock { state in
            defer { state.path = path }
            return state.path != path
        }
        guard isOther else { return }
        if path.isEmpty { reading.withLock { _ in apply([], problem: nil) } }
        refresh()
        follower.lookAgain()
    }

    private func apply(_ tokens: [APISettings.Token], problem: String?) {
        let change = state.withLock { state in
            defer {
                state.tokens = tokens
                state.problem = problem
            }
            return TokenChange(from: state.tokens, to: tokens, problem: problem)
        }
        told.yield(change)
        authenticator.replace(tokens.map(APIToken.init))
    }

    /// The callers with the number of their secrets, and a fingerprint of all: what changed while nobody followed the
    /// file shows in it. nil without a token file.
    var callers: String? {
        let (path, tokens) = state.withLock { ($0.path, $0.tokens) }
        guard !path.isEmpty else { return nil }
        let sorted = tokens.sorted { $0.name < $1.name }
        let all = sorted.map { "\($0.name) \($0.sha256.sorted().joined(separator: " "))" }.joined(separator: "\n")
        let names = sorted.map { "\($0.name) (\($0.sha256.count))" }.joined(separator: ", ")
        return "callers: \(names.isEmpty ? "none" : names); fingerprint \(APIToken.hash(all).prefix(16))"
    }

    /// What operators should know; nil for nothing.
    var remark: String? { state.withLock { $0.problem.map { "every token is revoked: \($0)" } } }

    var families: [MetricFamily] {
        let (path, problem) = state.withLock { ($0.path, $0.problem) }
        guard !path.isEmpty else { return [] }
        var families = [
            MetricFamily(
                "backhaul_api_tokens", "Tokens that are accepted, expired ones included.", .gauge,
                [MetricFamily.Sample(Double(authenticator.count), [])]),
            MetricFamily(
                "backhaul_api_tokens_file_usable", "Whether the token file can be used (1); 0 revokes every token.",
                .gauge, [MetricFamily.Sample(problem == nil ? 1 : 0, [])]),
        ]
        if let expiry = authenticator.nextExpiry {
            families.append(
                MetricFamily(
                    "backhaul_api_token_next_expiry_timestamp_seconds", "When the next token expires, in Unix time.",
                    .gauge, [MetricFamily.Sample(Double(expiry.milliseconds) / 1_000, [])]))
        }
        return families
    }
}
