internal import Foundation

/// What a loop's thread serves between jobs: a C library's own event loop.
package protocol LoopService: AnyObject, Sendable {
    /// Serves the library once, on the loop's thread.
    /// - Parameter mayWait: whether nothing else is to do, so that the call may wait for an event. A wait ends when the
    ///   loop's `wake` is called, and by itself after at most half a second.
    nonisolated func serve(mayWait: Bool)
}

/// One thread that is an actor's executor and a C library's event loop at once.
///
/// A turn runs every queued job of the actor, then serves the library: without waiting if there were jobs, else until
/// the library has an event or `enqueue` wakes it. So the library is only ever touched from this thread, and the
/// actor's isolation replaces locks.
///
/// Unchecked: the fields are guarded by `lock`. A pthread lock and not `Mutex`, which ThreadSanitizer cannot see.
package final class LoopExecutor: SerialExecutor, @unchecked Sendable {
    private let lock = NSLock()
    private enum Work {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    private var jobs: [Work] = []
    /// Whether the thread waits for the library, or is about to, and nobody has woken it since.
    private var isWaiting = false
    private var isStopping = false
    private var hasEnded = false
    /// Runs what is still asked of the actor after its thread has ended, one job at a time.
    private let afterwards: DispatchQueue
    private var thread: Thread?
    private let wake: @Sendable () -> Void
    private let name: String

    /// - Parameter wake: ends a wait of the library from any thread (`curl_multi_wakeup`); a wake that comes before the
    ///   wait must end it too.
    package init(name: String, wake: @escaping @Sendable () -> Void) {
        self.name = name
        afterwards = DispatchQueue(label: name + ".ended")
        self.wake = wake
    }

    /// Starts the thread. The service is held until `stop`.
    package func start(_ service: any LoopService) {
        let thread = Thread { [self] in run(service) }
        thread.name = name
        lock.withLock { self.thread = thread }
        thread.start()
    }

    /// Ends the thread after the jobs that are queued by then.
    package func stop() {
        lock.withLock { isStopping = true }
        wake()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        add(.job(job))
    }

    /// Runs `body` on the loop's thread, in turn with the actor's jobs.
    package func perform(_ body: @escaping @Sendable () -> Void) {
        add(.call(body))
    }

    private func add(_ work: Work) {
        // A wake is a system call: only a thread that waits needs one, and one is enough. `isWaiting` is set under the lock
        // with the list empty, and the wait begins after that: whoever appends in between sees it and wakes, and the
        // library remembers a wake that comes before its wait.
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
            // Decided under the lock with the list empty: whoever comes later is run by `afterwards`.
            if lock.withLock({ hasEnded }) { return }
            // A job queued since the list was taken empty has called `wake`, which ends the wait below at once; one queued
            // while others ran finds nobody waiting, and the next turn takes it.
            service.serve(mayWait: turn.isEmpty)
        }
    }
}
