internal import Synchronization

/// Limits concurrent event streams or searches, in total and per caller.
final class StreamSlots: Sendable {
    /// A slot in use. It is released with its last reference, however the request ends.
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

    /// Returns nil when a limit is reached.
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
