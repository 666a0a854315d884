/// How a dialect ended that did not fail.
package enum DialectEnd: Hashable, Sendable {
    case stored(StoredObject)
    case absent
    case swept(Int)
}
