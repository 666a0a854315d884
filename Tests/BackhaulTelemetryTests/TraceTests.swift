import BackhaulUnits
import Foundation
import Logging
import Synchronization
import Testing

@testable import BackhaulTelemetry

@Suite("Traces")
struct TraceTests {
    private static let id = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let span = "00f067aa0ba902b7"

    @Test func traceparentRoundTrips() throws {
        let text = "00-\(Self.id)-\(Self.span)-01"
        let context = try #require(TraceContext(text))
        #expect(context == TraceContext(traceID: Self.id, spanID: Self.span, isSampled: true) && context.text == text)
        #expect(TraceContext("00-\(Self.id)-\(Self.span)-00")?.isSampled == false)
        // A later version with additional fields.
        #expect(TraceContext("cc-\(Self.id)-\(Self.span)-01-what-comes")?.traceID == Self.id)
        let child = context.child
        #expect(child.traceID == Self.id && child.spanID != Self.span && child.isSampled)
        #expect(TraceContext(child.text) == child)
    }

    @Test(arguments: [
        nil, "", "00", "ff-\(id)-\(span)-01", "00-\(id)-\(span)", "00-\(id)-\(span)-01-more",
        "00-00000000000000000000000000000000-\(span)-01", "00-\(id)-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-\(span)-01", "00-\(id)x-\(span)-01", "00-\(id)-\(span)-0x",
        "00-\(id)-\(span)-01\r\nx: y",
    ])
    func invalidTraceparentIsIgnored(_ text: String?) {
        #expect(TraceContext(text) == nil)
    }

    @Test func spansAreSentInBatches() async throws {
        let sent = Mutex<[Data]>([])
        let tracer = Tracer(service: "s", version: "1", share: Ratio(clamping: 0), logger: Logger(label: "test")) {
            data in
            sent.withLock { $0.append(data) }
        }
        #expect(!tracer.root().isSampled)
        let context = TraceContext(traceID: Self.id, spanID: Self.span, isSampled: true)
        for number in 0..<600 {
            tracer.record(
                Span(
                    "upload", .consumer, context, parent: number == 0 ? nil : "00f067aa0ba902b8",
                    startedAt: Timestamp(clamping: 1),
                    endedAt: Timestamp(clamping: 3), attributes: ["a": .text("http://u:p@h/?q"), "n": .number(7)],
                    error: number == 0 ? "bad" : nil))
        }
        tracer.record(
            Span(
                "unseen", .server, TraceContext(traceID: Self.id, spanID: Self.span, isSampled: false), parent: nil,
                startedAt: Timestamp(clamping: 1), endedAt: Timestamp(clamping: 2), attributes: [:]))
        await tracer.close()
        let documents = try sent.withLock { $0 }.map { try JSONSerialization.jsonObject(with: $0) as? [String: Any] }
        #expect(documents.count == 2)
        let resource = (documents[0]?["resourceSpans"] as? [[String: Any]])?.first
        let spans = (resource?["scopeSpans"] as? [[String: Any]])?.first?["spans"] as? [[String: Any]] ?? []
        #expect(spans.count == 512 && spans[0]["traceId"] as? String == Self.id && spans[0]["kind"] as? Int == 5)
        #expect(spans[0]["startTimeUnixNano"] as? String == "1000000" && spans[0]["parentSpanId"] == nil)
        #expect(spans[1]["parentSpanId"] as? String == "00f067aa0ba902b8")
        let text = String(decoding: sent.withLock { $0[0] }, as: UTF8.self)
        #expect(!text.contains("u:p") && !text.contains("?q") && text.contains(#""intValue":"7""#))
    }
}
