package import BackhaulUnits

/// An attempt that begins.
package struct Attempt: Hashable, Sendable {
    /// With the trace context of the attempt.
    package var task: TaskDelivery
    /// Distinguishes it from a later attempt of the same delivery.
    package var number: UInt64
    /// By the steady clock.
    package var begun: Timestamp
    /// By the wall clock.
    package var startedAt: Timestamp
}
