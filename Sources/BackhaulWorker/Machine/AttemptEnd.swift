package import BackhaulDestinations
package import BackhaulDomain

/// How an attempt ended.
package enum AttemptEnd: Hashable, Sendable {
    case stored(StoredObject)
    case failed(Failure)
    /// It was interrupted.
    case stopped
}
