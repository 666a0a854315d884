import BackhaulTransfer
import Synchronization
import Testing

@Suite("Interruptions")
struct InterruptionTests {
    private final class Tally: Sendable {
        let calls = Atomic<Int>(0)
    }

    @Test func interruptionCallsHandlerOnce() {
        let tally = Tally()
        let early = Interruption()
        early.interrupt()
        early.arm { tally.calls.add(1, ordering: .relaxed) }
        early.interrupt()
        #expect(tally.calls.load(ordering: .relaxed) == 1)
        let late = Interruption()
        late.arm { tally.calls.add(1, ordering: .relaxed) }
        late.interrupt()
        late.interrupt()
        #expect(tally.calls.load(ordering: .relaxed) == 2)
        let disarmed = Interruption()
        disarmed.arm { tally.calls.add(1, ordering: .relaxed) }
        disarmed.disarm()
        disarmed.interrupt()
        #expect(tally.calls.load(ordering: .relaxed) == 2)
    }
}
