internal import BackhaulLog
internal import BackhaulUnits
internal import HeapModule

/// Times at which something has to be done about deliveries. Pure.
struct Alarms: Sendable {
    private struct Alarm: Comparable, Sendable {
        var due: Timestamp
        var number: UInt64
        var reference: DeliveryReference

        static func < (left: Alarm, right: Alarm) -> Bool { (left.due, left.number) < (right.due, right.number) }
    }

    private var heap = Heap<Alarm>()
    /// The alarm that counts for each delivery; earlier ones are skipped.
    private var current: [DeliveryReference: UInt64] = [:]
    private var last: UInt64 = 0

    var next: Timestamp? { heap.min?.due }

    /// Replaces the delivery's alarm.
    mutating func set(_ reference: DeliveryReference, at due: Timestamp) {
        last += 1
        current[reference] = last
        heap.insert(Alarm(due: due, number: last, reference: reference))
        guard heap.count > 2 * current.count + 1_024 else { return }
        heap = Heap(heap.unordered.filter { current[$0.reference] == $0.number })
    }

    mutating func cancel(_ reference: DeliveryReference) { current[reference] = nil }

    /// Removes and returns the deliveries that are due.
    mutating func take(_ now: Timestamp) -> [DeliveryReference] {
        var due: [DeliveryReference] = []
        while let alarm = heap.min, alarm.due <= now {
            heap.removeMin()
            guard current[alarm.reference] == alarm.number else { continue }
            current[alarm.reference] = nil
            due.append(alarm.reference)
        }
        return due
    }
}
