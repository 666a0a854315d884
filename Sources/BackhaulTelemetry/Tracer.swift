package import BackhaulUnits
package import Foundation
package import Logging
internal import Synchronization

/// Collects spans and sends them to a collector by OTLP/HTTP in JSON (opentelemetry.io/docs/specs/otlp).
///
/// Spans that cannot be sent in time are dropped and counted: tracing must never delay the work.
package final class Tracer: Sendable {
    private struct State {
        var spans: [Span] = []
        var isClosed = false
    }

    private let service: String
    private let version: String
    private let share: Ratio
    private let send: @Sendable (Data) async throws -> Void
    private let logger: Logger
    private let state = Mutex(State())
    private let counts = Counter(
        "backhaul_trace_spans_total", "Spans, by whether they reached the collector.", labels: ["outcome"])

    /// Maximum number of spans that wait to be sent.
    private static let room = 8_192
    private static let batch = 512
    private static let pause = Duration.seconds(1)

    /// - Parameters:
    ///   - service: the collector's name for this process.
    ///   - share: of the traces started here that are recorded; for a trace from a caller, its own flag
    ///     decides.
    ///   - send: posts a document to the collector.
    package init(
        service: String, version: String, share: Ratio, logger: Logger,
        send: @escaping @Sendable (Data) async throws -> Void
    ) {
        self.service = service
        self.version = version
        self.share = share
        self.logger = logger
        self.send = send
    }

    package var families: [MetricFamily] { [counts.family] }

    /// Starts a new trace.
    package func root() -> TraceContext { .root(isSampled: Double.random(in: 0..<1) < share.value) }

    /// Queues a finished span; ignores it when its trace is not sampled.
    package func record(_ span: Span) {
        guard span.context.isSampled else { return }
        let isTaken = state.withLock { state in
            guard state.spans.count < Self.room, !state.isClosed else { return false }
            state.spans.append(span)
            return true
        }
        if !isTaken { counts.add(1, ["dropped"]) }
    }

    /// Sends spans until cancelled; `close` sends the rest.
    package func run() async {
        while !Task.isCancelled {
            // The cancel would reach `send` too: `close` sends the rest.
            guard (try? await ContinuousClock().sleep(for: Self.pause)) != nil else { return }
            while await flush() {}
        }
    }

    /// Sends all queued spans; later spans are dropped.
    package func close() async {
        state.withLock { $0.isClosed = true }
        while await flush() {}
    }

    /// - Returns: whether more spans may be queued.
    private func flush() async -> Bool {
        let spans = state.withLock { state in
            let spans = Array(state.spans.prefix(Self.batch))
            state.spans.removeFirst(spans.count)
            return spans
        }
        guard !spans.isEmpty else { return false }
        do {
            try await send(OTLPDocument.data(spans, service: service, version: version))
            counts.add(Double(spans.count), ["exported"])
        } catch {
            counts.add(Double(spans.count), ["failed"])
            logger.warning("spans were not sent", metadata: ["error": "\(error)", "spans": "\(spans.count)"])
            return false
        }
        return spans.count == Self.batch
    }
}
