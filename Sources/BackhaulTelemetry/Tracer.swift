package import Foundation
package import Logging
internal import Synchronization

/// Collects spans and sends them to a collector by OTLP/HTTP in JSON (opentelemetry.io/docs/specs/otlp).
///
/// What cannot be sent in time is dropped and counted: tracing must never hold the work up.
package final class Tracer: Sendable {
    private struct State {
        var spans: [Span] = []
        var isClosed = false
    }

    private let service: String
    private let version: String
    private let percent: Int
    private let send: @Sendable (Data) async throws -> Void
    private let logger: Logger
    private let state = Mutex(State())
    private let counts = Counter(
        "backhaul_trace_spans_total", "Spans, by whether they reached the collector.", labels: ["outcome"])

    /// Spans that wait to be sent, at the most.
    private static let room = 8_192
    private static let batch = 512
    private static let pause = Duration.seconds(1)

    /// - Parameters:
    ///   - service: how the collector calls this process.
    ///   - percent: of the traces that begin here, how many are recorded; those that callers began are as they say.
    ///   - send: posts a document to the collector.
    package init(
        service: String, version: String, percent: Int, logger: Logger,
        send: @escaping @Sendable (Data) async throws -> Void
    ) {
        self.service = service
        self.version = version
        self.percent = percent
        self.logger = logger
        self.send = send
    }

    package var families: [MetricFamily] { [counts.family] }

    /// A trace that begins here.
    package func root() -> TraceContext { .root(isSampled: Int.random(in: 0..<100) < percent) }

    /// Takes a span that has ended; nothing of a trace that is not sampled.
    package func record(_ span: Span) {
        guard span.context.isSampled else { return }
        let isTaken = state.withLock { state in
            guard state.spans.count < Self.room, !state.isClosed else { return false }
            state.spans.append(span)
            return true
        }
        if !isTaken { counts.add(1, ["dropped"]) }
    }

    /// Sends what comes, until cancelled; then once more what is left.
    package func run() async {
        while !Task.isCancelled {
            // Cancelled, the sender would be, too: what is left is `close`'s.
            guard (try? await ContinuousClock().sleep(for: Self.pause)) != nil else { return }
            while await flush() {}
        }
    }

    /// Sends what is left; nothing is taken afterwards.
    package func close() async {
        state.withLock { $0.isClosed = true }
        while await flush() {}
    }

    /// - Returns: whether there is more.
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
