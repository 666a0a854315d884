package import BackhaulDomain

/// What an attempt told about the place and the source root.
package enum Evidence: Hashable, Sendable {
    case works
    case fails(Failure)
    /// It was interrupted, or made no attempt.
    case nothing
}
