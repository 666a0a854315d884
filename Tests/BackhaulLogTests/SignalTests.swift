import BackhaulLog
import Testing

@Suite("Signal")
struct SignalTests {
    /// A cancelled task does not `wait` for a signal, but does `waitThrough` to the end of work that it has begun.
    @Test(.timeLimit(.minutes(10))) func cancellationEndsWaitButNotWaitThrough() async throws {
        let (signal, end) = (Signal(), Signal())
        await withTaskGroup(of: ContinuousClock.Instant.self) { group in
            group.addTask {
                await signal.wait()
                await end.waitThrough()
                return .now
            }
            group.cancelAll()
            await Signal().waitThrough(for: .milliseconds(100))
            let raised = ContinuousClock.now
            end.raise()
            for await ended in group { #expect(ended >= raised) }
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: [false, true]) func waitThroughEndsAtTimeout(isCancelled: Bool) async {
        let signal = Signal()
        let start = ContinuousClock.now
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await signal.waitThrough(for: .milliseconds(50)) }
            if isCancelled { group.cancelAll() }
        }
        #expect(ContinuousClock.now - start >= .milliseconds(49))
    }
}
