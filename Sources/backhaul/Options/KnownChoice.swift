import ArgumentParser

/// What a submission does with files whose last upload ended badly: failed, expired or cancelled.
enum KnownChoice: String, ExpressibleByArgument, CaseIterable {
    /// Leaves them as they are, and counts them.
    case skip
    /// Submits them again.
    case retry
    /// Leaves them as they are, and fails.
    case fail
}
