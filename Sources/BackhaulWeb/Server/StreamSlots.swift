internal import BackhaulDomain
internal import Synchronization

/// Limits concurrent event streams or searches: in total, per caller and per tenant.
final class StreamSlots: Sendable {
    /// Who holds a slot. A tenant's callers together have the places of one holder, and so has each caller.
    fileprivate enum Holder: Hashable {
        case caller(tenant: ByteText?, name: ByteText)
        case tenant(ByteText)
    }

    /// A slot in use. It is released with its last reference, however the request ends.
    final class Slot: Sendable {
        private let slots: StreamSlots
        private let holders: [Holder]

        fileprivate init(_ slots: StreamSlots, _ holders: [Holder]) {
            self.slots = slots
            self.holders = holders
        }

        deinit { slots.leave(holders) }
    }

    private struct State {
        var total = 0
        var taken: [Holder: Int] = [:]
    }

    private let limit: Int
    private let perHolder: Int
    private let state = Mutex(State())

    init(_ limit: Int, perHolder: Int) {
        self.limit = limit
        self.perHolder = perHolder
    }

    /// - Parameters:
    ///   - tenant: whose tasks are read.
    ///   - own: the most slots of the tenant and of each caller, in place of the usual; 0 for the usual.
    /// - Returns: nil when a limit is reached.
    func enter(_ caller: Caller, tenant: ByteText, own: Int = 0) -> Slot? {
        let perHolder = own > 0 ? own : perHolder
        let holders = [Holder.caller(tenant: caller.tenant, name: ByteText(caller.name)), .tenant(tenant)]
        let isIn = state.withLock { state in
            guard state.total < limit, holders.allSatisfy({ state.taken[$0, default: 0] < perHolder }) else {
                return false
            }
            state.total += 1
            for holder in holders { state.taken[holder, default: 0] += 1 }
            return true
        }
        return isIn ? Slot(self, holders) : nil
    }

    private func leave(_ holders: [Holder]) {
        state.withLock { state in
            state.total -= 1
            for holder in holders {
                let count = state.taken[holder, default: 1] - 1
                state.taken[holder] = count == 0 ? nil : count
            }
        }
    }
}
