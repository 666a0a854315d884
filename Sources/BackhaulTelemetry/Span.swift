package import BackhaulUnits

/// One operation of a trace.
package struct Span: Hashable, Sendable {
    /// Numbered as in OpenTelemetry.
    package enum Kind: Int, Hashable, Sendable {
        case server = 2
        case producer = 4
        case consumer = 5
    }

    package enum Value: Hashable, Sendable {
        case text(String)
        case number(Int64)
    }

    package var name: String
    package var kind: Kind
    package var context: TraceContext
    /// The parent's span id; nil for the first span of a trace.
    package var parent: String?
    package var startedAt: Timestamp
    package var endedAt: Timestamp
    package var attributes: [String: Value]
    /// The error; nil on success.
    package var error: String?

    package init(
        _ name: String, _ kind: Kind, _ context: TraceContext, parent: String?, startedAt: Timestamp,
        endedAt: Timestamp,
        attributes: [String: Value], error: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.context = context
        self.parent = parent
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.attributes = attributes
        self.error = error
    }
}
