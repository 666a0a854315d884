/// Why bytes are not the record that they should be.
package enum RecordError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No Protobuf or JSON of that shape at all.
    case unreadable(what: String)
    /// A field that must be there is not: empty bytes are valid Protobuf, and no task.
    case missing(what: String, field: String)
    case invalid(what: String, problem: String)

    package var description: String {
        switch self {
        case .unreadable(let what): "the record is no \(what)"
        case .missing(let what, let field): "the record is no \(what): '\(field)' is missing"
        case .invalid(let what, let problem): "the record is no valid \(what): \(problem)"
        }
    }
}
