import BackhaulLog
import Logging
import Synchronization

/// Asks the log now and then, so that readiness can tell without asking whether it answers.
final class LogProbe: Sendable {
    private let log: any MessageLog
    private let topic: String
    private let logger: Logger
    private let trouble = Mutex<String?>("the log was not asked yet")

    private static let pause = Duration.seconds(5)

    init(_ log: any MessageLog, topic: String, logger: Logger) {
        self.log = log
        self.topic = topic
        self.logger = logger
    }

    /// Why the log counts as away; nil when it answered the last time.
    var obstacle: String? { trouble.withLock { $0 } }

    /// Asks until cancelled.
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
