internal import BackhaulLog
internal import BackhaulLoop
internal import CLibrdkafka
internal import Foundation
internal import Logging

/// The one thread that serves every librdkafka queue of a log, and the executor of the actors that own them.
///
/// Each queue writes to an eventfd when it becomes non-empty (`rd_kafka_queue_io_event_enable`), so the thread sleeps in
/// `poll` until there is an event, a job, or half a second has passed. It drains the queues that are registered to be
/// drained, and wakes those who take from their queues themselves.
///
/// Unchecked: `served` and `wakers` are touched on the loop's thread only.
final class KafkaLoop: LoopService, @unchecked Sendable {
    /// An event that librdkafka handed over; it lives until the handler returns.
    ///
    /// Unchecked: made on the loop's thread and passed only to actors whose executor the loop is.
    struct Event: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    let executor: LoopExecutor
    /// Raised by librdkafka's queues.
    private let events: Int32
    /// Raised by jobs. Apart from the other: a job that looks at the queues in vain must not be the reason to look again.
    private let jobs: Int32
    private var served: [OpaquePointer: (Event) -> Void] = [:]
    private var wakers: [Int: () -> Void] = [:]
    private var nextID = 0
    private static let drainedAtOnce = 1_000

    init(name: String) throws {
        let events = backhaul_wake_descriptor()
        let jobs = backhaul_wake_descriptor()
        guard events >= 0, jobs >= 0 else {
            let reason = String(cString: strerror(errno))
            for descriptor in [events, jobs] where descriptor >= 0 { close(descriptor) }
            throw LogError.unavailable("no event descriptor: \(reason)")
        }
        self.events = events
        self.jobs = jobs
        executor = LoopExecutor(name: name) { Self.raise(jobs) }
    }

    deinit {
        close(events)
        close(jobs)
    }

    func start() { executor.start(self) }

    /// Ends the thread after what is queued. Every client has to be destroyed before.
    func stop() { executor.stop() }

    // MARK: Queues, on the loop's thread

    /// Wakes the loop whenever the queue becomes non-empty.
    func watch(_ queue: OpaquePointer) {
        var one: UInt64 = 1
        rd_kafka_queue_io_event_enable(queue, events, &one, MemoryLayout<UInt64>.size)
        // What came before the call raised nothing.
        Self.raise(events)
    }

    func unwatch(_ queue: OpaquePointer) {
        rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
    }

    /// Drains the queue into `handle` from now on.
    func serve(_ queue: OpaquePointer, _ handle: @escaping (Event) -> Void) {
        executor.checkIsolated()
        served[queue] = handle
        watch(queue)
    }

    func unserve(_ queue: OpaquePointer) {
        executor.checkIsolated()
        if served.removeValue(forKey: queue) != nil { unwatch(queue) }
    }

    /// Calls `waker` whenever any queue may have something new.
    func wake(_ waker: @escaping () -> Void) -> Int {
        executor.checkIsolated()
        nextID += 1
        wakers[nextID] = waker
        return nextID
    }

    func forget(_ id: Int) {
        executor.checkIsolated()
        wakers[id] = nil
    }

    // MARK: Serving

    func serve(mayWait: Bool) {
        var waiting = [
            pollfd(fd: events, events: Int16(POLLIN), revents: 0), pollfd(fd: jobs, events: Int16(POLLIN), revents: 0),
        ]
        // The half second is the longest that librdkafka's own clock (`max.poll.interval.ms`) goes unfed.
        poll(&waiting, 2, mayWait ? 500 : 0)
        // The descriptors are read before the queues are drained: what comes in between raises them again.
        var count: UInt64 = 0
        for descriptor in waiting where descriptor.revents != 0 {
            _ = read(descriptor.fd, &count, MemoryLayout<UInt64>.size)
        }
        let isWoken = waiting[0].revents != 0
        for (queue, handle) in served {
            var taken = 0
            while served[queue] != nil, let pointer = rd_kafka_queue_poll(queue, 0) {
                let event = Owned(pointer) { rd_kafka_event_destroy($0) }
                handle(Event(pointer: event.object))
                taken += 1
                if taken == Self.drainedAtOnce {
                    Self.raise(events)
                    break
                }
            }
        }
        if isWoken { for waker in wakers.values { waker() } }
    }

    private static func raise(_ descriptor: Int32) {
        var one: UInt64 = 1
        _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
    }
}
