internal import BackhaulUnits
internal import Foundation

/// Encodes spans as an `ExportTraceServiceRequest` in JSON. Ids are hex, unlike in Protobuf's own JSON mapping, and
/// 64-bit numbers are strings (opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
enum OTLPDocument {
    static func data(_ spans: [Span], service: String, version: String) throws -> Data {
        let resource: [String: Any] = [
            "attributes": attributes(["service.name": .text(service), "service.version": .text(version)])
        ]
        let scope: [String: Any] = ["scope": ["name": "backhaul"], "spans": spans.map(document)]
        return try JSONSerialization.data(
            withJSONObject: ["resourceSpans": [["resource": resource, "scopeSpans": [scope]]]],
            options: [.sortedKeys, .withoutEscapingSlashes])
    }

    private static func document(_ span: Span) -> [String: Any] {
        var found: [String: Any] = [
            "traceId": span.context.traceID, "spanId": span.context.spanID, "name": span.name,
            "kind": span.kind.rawValue, "startTimeUnixNano": "\(nanoseconds(span.startedAt))",
            "endTimeUnixNano": "\(nanoseconds(max(span.startedAt, span.endedAt)))",
            "attributes": attributes(span.attributes),
        ]
        if let parent = span.parent { found["parentSpanId"] = parent }
        if let error = span.error {
            found["status"] = ["code": 2, "message": Redaction.clean(error)]
        }
        return found
    }

    /// Nanoseconds since 1970, limited to what 64 bits hold: the year 2262.
    private static func nanoseconds(_ time: Timestamp) -> Int64 {
        min(time.milliseconds, Int64.max / 1_000_000) * 1_000_000
    }

    private static func attributes(_ values: [String: Span.Value]) -> [[String: Any]] {
        values.sorted { $0.key < $1.key }.map { name, value in
            switch value {
            case .text(let text): ["key": name, "value": ["stringValue": Redaction.clean(text)]]
            case .number(let number): ["key": name, "value": ["intValue": "\(number)"]]
            }
        }
    }
}
