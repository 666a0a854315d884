package import BackhaulDomain
package import BackhaulLog

/// What a lane asks of its surroundings while it decides. Each is a lookup that neither waits nor changes anything,
/// except that `random` and `trace` go on to their next number.
package struct LaneRules: Sendable {
    /// Whether the task's destination takes the uploads of a key in order.
    package var isOrdered: @Sendable (UploadTask) -> Bool
    package var isCancelled: @Sendable (TaskGeneration) -> Bool
    /// The trace context of a new attempt; nil when the record has none.
    package var trace: @Sendable (Delivery) -> String?
    /// A number in 0 ..< 1.
    package var random: @Sendable () -> Double

    package init(
        isOrdered: @escaping @Sendable (UploadTask) -> Bool = { _ in false },
        isCancelled: @escaping @Sendable (TaskGeneration) -> Bool = { _ in false },
        trace: @escaping @Sendable (Delivery) -> String? = { _ in nil }, random: @escaping @Sendable () -> Double
    ) {
        self.isOrdered = isOrdered
        self.isCancelled = isCancelled
        self.trace = trace
        self.random = random
    }
}
