import BackhaulLog
import Logging
import Synchronization

/// Queries the log every 5 s, so that readiness knows whether the log answers without a query of its own.
final class LogProbe: Sendable {
    private let log: any MessageLog
    private let topic: String
    private let logger: Logger
    private let trouble = Mutex<String?>("the log was not queried yet")

    private static let pause = Duration.seconds(5)

    init(_ log: any MessageLog, topic: String, logger: Logger) {
        self.log = log
        self.topic = topic
        self.logger = logger
    }

    /// Why the log counts as unavailable; nil when it answered the last query.
    var obstacle: String? { trouble.withLock { $0 } }

    /// Queries until cancelled.
    /// - Parameter onReady: called at the first answer.
    func run(onReady: @Sendable () -> Void) async {
        var isReady = false
        while !Task.isCancelled {
            do {
                _ = try await log.bounds(topic)
                trouble.withLock { $0 = nil }
                if !isReady { onReady() }
                isReady = true
            } catch {
                let isNews = trouble.withLock { trouble in
                    defer { trouble = "the log does not answer" }
                    return trouble == nil
                }
                if isNews { logger.warning("the log does not answer", metadata: ["error": "\(error)"]) }
            }
            try? await ContinuousClock().sleep(for: Self.pause)
        }
    }
}
