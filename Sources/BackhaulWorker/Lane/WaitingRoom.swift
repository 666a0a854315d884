package import BackhaulLog
package import BackhaulUnits

/// The tasks of a lane that wait in memory for their time or their turn. A waiting task is a value, not a suspended
/// Swift task: ten thousand take a few megabytes. Pure.
package struct WaitingRoom: Sendable {
    private struct Alarm: Sendable {
        var due: Timestamp
        var reference: DeliveryReference
    }

    private var tasks: [DeliveryReference: TaskDelivery] = [:]
    /// Latest first, so that the next one is the last. Alarms of tasks that have left are skipped when they are
    /// due.
    private var alarms: [Alarm] = []
    private var ready: [DeliveryReference] = []

    package init() {}

    package var count: Int { tasks.count }

    /// When the next task may continue; nil when no task waits for a time.
    package var nextDue: Timestamp? { ready.isEmpty ? alarms.last?.due : .earliest }

    package var references: [DeliveryReference] { Array(tasks.keys) }

    package func contains(_ reference: DeliveryReference) -> Bool { tasks[reference] != nil }

    /// Adds a task.
    /// - Parameter due: when it may continue; nil when it waits until `call`.
    package mutating func enter(_ task: TaskDelivery, until due: Timestamp?) {
        let reference = task.delivery.reference
        tasks[reference] = task
        guard let due else { return }
        var low = 0
        var high = alarms.count
        while low < high {
            let middle = (low + high) / 2
            if alarms[middle].due > due { low = middle + 1 } else { high = middle }
        }
        alarms.insert(Alarm(due: due, reference: reference), at: low)
    }

    /// Marks a task as ready, since its turn has come.
    package mutating func call(_ reference: DeliveryReference) {
        if tasks[reference] != nil { ready.append(reference) }
    }

    /// Removes and returns the tasks that may continue.
    package mutating func leave(at now: Timestamp) -> [TaskDelivery] {
        var references = ready
        ready = []
        while let alarm = alarms.last, alarm.due <= now {
            alarms.removeLast()
            references.append(alarm.reference)
        }
        return references.compactMap { tasks.removeValue(forKey: $0) }
    }

    /// Removes and returns one task, whether it is due or not.
    package mutating func remove(_ reference: DeliveryReference) -> TaskDelivery? {
        tasks.removeValue(forKey: reference)
    }
}
