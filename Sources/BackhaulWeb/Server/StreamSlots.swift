internal import Synchronization

/// So many event streams at a time, and so many of one caller.
final class StreamSlots: Sendable {
    /// A place that was taken; given back when nobody holds it any more, however the request ended.
    final class Slot: Sendable {
        private let slots: StreamSlots
        private let caller: String

        fileprivate init(_ slots: StreamSlots, _ caller: String) {
            self.slots = slots
            self.caller = caller
        }

        deinit { slots.leave(caller) }
    }

    private let limit: Int
    private let perCaller: Int
    private let taken = Mutex<[String: Int]>([:])

    init(_ limit: Int, perCaller: Int) {
        self.limit = limit
        self.perCaller = perCaller
    }

    /// nil when there is no place.
    func enter(_ caller: String) -> Slot? {
        let isIn = taken.withLock { taken in
            guard taken.values.reduce(0, +) < limit, taken[caller, default: 0] < perCaller else { return false }
            taken[caller, default: 0] += 1
            return true
        }
        return isIn ? Slot(self, caller) : nil
    }

    private func leave(_ caller: String) {
        taken.withLock { taken in
            let count = taken[caller, default: 1] - 1
            taken[caller] = count == 0 ? nil : count
        }
    }
}
