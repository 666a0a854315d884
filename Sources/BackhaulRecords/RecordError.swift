internal import BackhaulLog

/// Why bytes are not the expected record.
package enum RecordError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not Protobuf or JSON of that shape.
    case unreadable(what: String)
    /// A required field is missing: empty bytes are valid Protobuf, but not a task.
    case missing(what: String, field: String)
    case invalid(what: String, problem: String)

    /// - Throws: `invalid` for what a `SignedLog` delivers in place of a record that it refuses.
    static func requireSigned(_ record: LogRecord, what: String) throws(RecordError) {
        guard let problem = record.header(HeaderName.refused)?.text else { return }
        throw .invalid(what: what, problem: problem)
    }

    package var description: String {
        switch self {
        case .unreadable(let what): "the record is not a valid \(what): it cannot be decoded"
        case .missing(let what, let field): "the record is not a valid \(what): '\(field)' is missing"
        case .invalid(let what, let problem): "the record is not a valid \(what): \(problem)"
        }
    }
}
