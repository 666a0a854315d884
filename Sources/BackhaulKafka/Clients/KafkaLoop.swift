internal import BackhaulLog
internal import BackhaulLoop
internal import CLibrdkafka
internal import Foundation
internal import Logging

/// The one thread that serves every librdkafka queue of a log, and the executor of the actors that own them.
///
/// Each queue writes to an eventfd when it becomes non-empty (`rd_kafka_queue_io_event_enable`), so the thread sleeps
/// in `poll` until there is an event or a job, or half a second has passed. It drains the registered queues, and wakes
/// the actors that read their queues themselves.
///
/// Unchecked: `served` and `wakers` are used on the loop's thread only.
final class KafkaLoop: LoopService, @unchecked Sendable {
    /// An event of librdkafka; valid until the handler returns.
    ///
    /// Unchecked: created on the loop's thread and passed only to actors that run on the loop.
    struct Event: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    let executor: LoopExecutor
    /// The eventfd that librdkafka's queues raise.
    private let events: Int32
    /// The eventfd that jobs raise. With one for both, a job that finds its queue empty would wake all readers again.
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

    /// Ends the thread after the queued jobs. Every queue must be unserved first.
    func stop() { executor.stop() }

    // MARK: Queues, on the loop's thread

    /// Wakes the loop whenever the queue becomes non-empty.
    func watch(_ queue: OpaquePointer) {
        var one: UInt64 = 1
        rd_kafka_queue_io_event_enable(queue, events, &one, MemoryLayout<UInt64>.size)
        // Events from before the call did not raise the descriptor.
        Self.raise(events)
    }

    func unwatch(_ queue: OpaquePointer) {
        rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
    }

    /// Passes all events of the queue to `handle`, until `unserve`.
    func serve(_ queue: OpaquePointer, _ handle: @escaping (Event) -> Void) {
        executor.checkIsolated()
        served[queue] = handle
        watch(queue)
    }

    func unserve(_ queue: OpaquePointer) {
        executor.checkIsolated()
        if served.removeValue(forKey: queue) != nil { unwatch(queue) }
    }

    /// Calls `waker` whenever a queue may have new events.
    /// - Returns: the id for `forget`.
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
        // Polls each queue at least every 500 ms, which librdkafka counts for `max.poll.interval.ms`.
        poll(&waiting, 2, mayWait ? 500 : 0)
        // Reads the descriptors before draining the queues: an event in between raises them again.
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
