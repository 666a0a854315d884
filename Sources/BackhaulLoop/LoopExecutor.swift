internal import Foundation

/// A C library's event loop, served by a loop's thread between jobs.
package protocol LoopService: AnyObject, Sendable {
    /// Serves the library once, on the loop's thread.
    /// - Parameter mayWait: whether no other work is due, so that the call may wait for an event. A wait ends when
    ///   the loop's `wake` is called, or after at most half a second.
    nonisolated func serve(mayWait: Bool)
}

/// A thread that is both an actor's executor and a C library's event loop.
///
/// A turn runs every queued job of the actor, then serves the library: without waiting if it ran any jobs,
/// otherwise until the library has an event or `enqueue` wakes it. So only this thread touches the library, and the
/// actor's isolation replaces locks.
///
/// Unchecked: `lock` guards the fields. A pthread lock and not `Mutex`, which ThreadSanitizer cannot see.
package final class LoopExecutor: SerialExecutor, @unchecked Sendable {
    private let lock = NSLock()
    private enum Work {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    private var jobs: [Work] = []
    /// Whether the thread waits for the library, or is about to, and has not been woken since.
    private var isWaiting = false
    private var isStopping = false
    private var hasEnded = false
    /// Runs jobs that are queued after the thread has ended, one at a time.
    private let afterwards: DispatchQueue
    private var thread: Thread?
    private let wake: @Sendable () -> Void
    private let name: String

    /// - Parameter wake: ends a wait of the library from any thread (`curl_multi_wakeup`); a wake before the wait
    ///   must end it too.
    package init(name: String, wake: @escaping @Sendable () -> Void) {
        self.name = name
        afterwards = DispatchQueue(label: name + ".ended")
        self.wake = wake
    }

    /// Starts the thread, which keeps the service until it ends.
    package func start(_ service: any LoopService) {
        let thread = Thread { [self] in run(service) }
        thread.name = name
        lock.withLock { self.thread = thread }
        thread.start()
    }

    /// Ends the thread once all queued jobs have run.
    package func stop() {
        lock.withLock { isStopping = true }
        wake()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        add(.job(job))
    }

    /// Runs `body` on the loop's thread, in order with the actor's jobs.
    package func perform(_ body: @escaping @Sendable () -> Void) {
        add(.call(body))
    }

    private func add(_ work: Work) {
        // A wake is a system call: only a waiting thread needs one, and one is enough.
        // 1. The thread sets `isWaiting` under the lock, with the list empty, and begins to wait after that.
        // 2. A caller that appends in between sees `isWaiting` and wakes.
        // 3. The library remembers a wake that comes before its wait.
        let (isLate, wakes) = lock.withLock {
            if hasEnded { return (true, false) }
            jobs.append(work)
            defer { isWaiting = false }
            return (false, isWaiting)
        }
        guard !isLate else { return afterwards.async { self.perform(work) } }
        if wakes { wake() }
    }

    private func perform(_ work: Work) {
        switch work {
        case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
        case .call(let body): body()
        }
    }

    package func checkIsolated() {
        precondition(isOnLoop, "not on the loop's thread")
    }

    package func isIsolatingCurrentContext() -> Bool? { isOnLoop }

    private var isOnLoop: Bool { lock.withLock { thread } === Thread.current }

    private func run(_ service: any LoopService) {
        while true {
            let turn = lock.withLock {
                let turn = jobs
                jobs = []
                if turn.isEmpty && isStopping { hasEnded = true }
                isWaiting = turn.isEmpty
                return turn
            }
            for work in turn { perform(work) }
            // Set under the lock with the list empty: `afterwards` runs later jobs.
            if lock.withLock({ hasEnded }) { return }
            // If the list was empty, a job queued since has called `wake`, which ends the wait below at once. If
            // jobs ran, the library does not wait, and the next turn takes jobs queued meanwhile.
            service.serve(mayWait: turn.isEmpty)
        }
    }
}
