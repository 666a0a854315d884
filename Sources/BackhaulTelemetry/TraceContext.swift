/// The trace and span of an operation, as in W3C Trace Context (`traceparent`, version 00).
package struct TraceContext: Hashable, Sendable {
    /// 32 hex digits, lower case, not all zero.
    package var traceID: String
    /// 16 hex digits, lower case, not all zero.
    package var spanID: String
    /// Whether the trace is recorded.
    package var isSampled: Bool

    /// The name of the header, in HTTP and in records.
    package static let header = "traceparent"

    package init(traceID: String, spanID: String, isSampled: Bool) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
    }

    /// Parses a `traceparent`; nil when the text is not a valid one. Of a later version it reads the fields of
    /// version 00.
    package init?(_ text: String?) {
        guard let text, text.utf8.count >= 55, text.utf8.count <= 256 else { return nil }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0].utf8.count == 2, parts[0] != "ff", Self.isHex(parts[0]),
            parts[0] != "00" || parts.count == 4,
            parts[1].utf8.count == 32, Self.isHex(parts[1]), parts[1].contains(where: { $0 != "0" }),
            parts[2].utf8.count == 16, Self.isHex(parts[2]), parts[2].contains(where: { $0 != "0" }),
            parts[3].utf8.count == 2, Self.isHex(parts[3]), let flags = UInt8(parts[3], radix: 16)
        else { return nil }
        traceID = String(parts[1])
        spanID = String(parts[2])
        isSampled = flags & 1 == 1
    }

    package var text: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }

    /// The same trace with a new span.
    package var child: TraceContext {
        TraceContext(traceID: traceID, spanID: Self.random(bytes: 8), isSampled: isSampled)
    }

    /// Starts a new trace.
    package static func root(isSampled: Bool) -> TraceContext {
        TraceContext(traceID: random(bytes: 16), spanID: random(bytes: 8), isSampled: isSampled)
    }

    private static func isHex(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private static func random(bytes: Int) -> String {
        // The first byte is never zero, so that the id is not all zero.
        var text = ""
        for index in 0..<bytes {
            let byte = UInt8.random(in: (index == 0 ? 1 : 0)...255)
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return text
    }
}
