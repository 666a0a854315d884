/// What a submission does with tasks whose last generation failed, expired or was cancelled.
package enum KnownPolicy: String, CaseIterable, Sendable {
    /// Accepts them again, as the next generation.
    case retry
    /// Leaves them as they are, and counts them.
    case skip
    /// Refuses them.
    case fail
}
