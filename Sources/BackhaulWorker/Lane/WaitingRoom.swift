package import BackhaulLog

/// The tasks of a lane that wait in memory, for their time or for their turn; pure. A waiting task is a value here and
/// costs no running code: ten thousand of them are a few megabytes.
package struct WaitingRoom: Sendable {
    private struct Alarm: Sendable {
        var due: Int64
        var reference: DeliveryReference
    }

    private var tasks: [DeliveryReference: TaskDelivery] = [:]
    /// Latest first, so that the next one is the last. Alarms of tasks that have left are passed over when their time comes.
    private var alarms: [Alarm] = []
    private var ready: [DeliveryReference] = []

    package init() {}

    package var count: Int { tasks.count }

    /// When the next task may go on, in milliseconds since 1970; nil when none waits for a time.
    package var nextDue: Int64? { ready.isEmpty ? alarms.last?.due : 0 }

    package var references: [DeliveryReference] { Array(tasks.keys) }

    package func contains(_ reference: DeliveryReference) -> Bool { tasks[reference] != nil }

    /// - Parameter due: when it may go on; nil when it waits for its turn, which `call` gives it.
    package mutating func enter(_ task: TaskDelivery, until due: Int64?) {
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

    /// It is the task's turn.
    package mutating func call(_ reference: DeliveryReference) {
        if tasks[reference] != nil { ready.append(reference) }
    }

    /// Takes out the tasks that may go on.
    package mutating func leave(at now: Int64) -> [TaskDelivery] {
        var references = ready
        ready = []
        while let alarm = alarms.last, alarm.due <= now {
            alarms.removeLast()
            references.append(alarm.reference)
        }
        return references.compactMap { tasks.removeValue(forKey: $0) }
    }

    /// Takes one task out, wherever it stands.
    package mutating func remove(_ reference: DeliveryReference) -> TaskDelivery? {
        tasks.removeValue(forKey: reference)
    }
}
