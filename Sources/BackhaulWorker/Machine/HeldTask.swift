/// The task of a delivery that is held. An object, so that a table's entry is small and cheap to copy.
final class HeldTask: Sendable {
    let value: TaskDelivery

    init(_ value: TaskDelivery) { self.value = value }
}
