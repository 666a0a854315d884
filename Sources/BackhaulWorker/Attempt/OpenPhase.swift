internal import Synchronization

/// How far the opening of a source has come, readable while it hangs.
final class OpenPhase: Sendable {
    /// Whether the destination's name is resolved and the source is being opened.
    let isResolved = Atomic<Bool>(false)
}
