internal import BackhaulDomain
internal import Logging
internal import Synchronization

/// Logs failed attempts: of each destination and class of failure the first in ten seconds, with the number of those
/// that were not logged since. A destination that is down with a million tasks writes a line, not a million.
final class FailureLog: Sendable {
    private struct Kind: Hashable {
        var destination: ByteText
        var failure: FailureClass
    }

    private let logger: Logger
    private let state = Mutex<[Kind: (at: ContinuousClock.Instant, left: Int)]>([:])

    private static let interval = Duration.seconds(10)
    /// The number of URLs is not bounded: beyond this many, all others share one entry.
    private static let most = 1_000

    init(_ logger: Logger) { self.logger = logger }

    func note(_ failure: Failure, _ destination: ByteText, _ metadata: @autoclosure () -> Logger.Metadata) {
        let now = ContinuousClock.now
        let left: Int? = state.withLock { kinds in
            var kind = Kind(destination: destination, failure: failure.kind)
            if kinds[kind] == nil, kinds.count >= Self.most { kind.destination = "" }
            if let last = kinds[kind], now - last.at < Self.interval {
                kinds[kind] = (last.at, last.left + 1)
                return nil
            }
            defer { kinds[kind] = (now, 0) }
            return kinds[kind]?.left ?? 0
        }
        guard let left else { return }
        var metadata = metadata()
        if left > 0 { metadata["not_logged"] = "\(left)" }
        logger.info("an attempt failed", metadata: metadata)
    }
}
