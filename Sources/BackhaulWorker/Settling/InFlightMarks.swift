internal import BackhaulLog
internal import Synchronization

/// The marks of a lane's uploads: one that is under way for some seconds leaves word in the log, so that whoever finds the
/// word without its end knows that its worker died meanwhile. One clock serves all uploads of a lane; an upload that is
/// quicker costs two entries in a table.
final class InFlightMarks: Sendable {
    /// What became of an upload's mark.
    private enum Standing {
        case none
        /// Being settled; whoever waits for that.
        case settling(CheckedContinuation<Result<Bool, any Error>, Never>?)
        case settled(Result<Bool, any Error>)
    }

    private struct Upload {
        /// Tells an upload from a later one of the same delivery.
        var number: UInt64
        var task: TaskDelivery
        var startedAt: Int64
        var standing = Standing.none
    }

    private struct State {
        var uploads: [DeliveryReference: Upload] = [:]
        /// In the order in which they are due: all wait equally long. Of uploads that have ended, entries may be left.
        var line: [(due: Int64, number: UInt64, reference: DeliveryReference)] = []
        var first = 0
        var last: UInt64 = 0
        /// Whether `run` waits for any upload at all, and not for a time.
        var isIdle = false
    }

    private let state = Mutex(State())
    private let changed = Signal()
    private let after: Int64
    private let clock: any LogClock
    private let settle: @Sendable (TaskDelivery, _ startedAt: Int64) async throws -> Void

    /// - Parameters:
    ///   - after: milliseconds after which an upload is marked.
    ///   - settle: writes a mark; returns once it is durable.
    init(
        after: Int64, clock: any LogClock,
        settle: @escaping @Sendable (TaskDelivery, _ startedAt: Int64) async throws -> Void
    ) {
        self.after = after
        self.clock = clock
        self.settle = settle
    }

    /// The upload begins.
    /// - Parameter startedAt: the same moment by the wall clock, for the mark.
    func begin(_ task: TaskDelivery, at now: Int64, startedAt: Int64) {
        let reference = task.delivery.reference
        let wakes = state.withLock { state in
            state.last += 1
            state.uploads[reference] = Upload(number: state.last, task: task, startedAt: startedAt)
            state.line.append((now + after, state.last, reference))
            defer { state.isIdle = false }
            return state.isIdle
        }
        // Whoever waits for an earlier one wakes early enough for this one.
        if wakes { changed.raise() }
    }

    /// The upload has ended, whichever way.
    /// - Returns: whether it was marked; a mark that is on its way to the log is waited for.
    /// - Throws: why a mark could not be settled.
    func end(_ reference: DeliveryReference) async throws -> Bool {
        let standing = state.withLock { state -> Standing in
            guard let upload = state.uploads[reference] else { return .none }
            if case .settling = upload.standing { return upload.standing }
            state.uploads[reference] = nil
            Self.tidy(&state)
            return upload.standing
        }
        switch standing {
        case .none: return false
        case .settled(let result): return try result.get()
        case .settling: break
        }
        // Between the look above and the one below the mark may have come: then its result stands there.
        let result = await withCheckedContinuation { continuation in
            let ready = state.withLock { state -> Result<Bool, any Error>? in
                guard let upload = state.uploads[reference] else { return .success(false) }
                if case .settled(let result) = upload.standing { return result }
                state.uploads[reference]?.standing = .settling(continuation)
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
        state.withLock { $0.uploads[reference] = nil }
        return try result.get()
    }

    /// Marks what is due, until the calling task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let now = clock.now
                let (ripe, next) = state.withLock { Self.take(&$0, now: now) }
                for upload in ripe { group.addTask { await self.mark(upload.task, upload.startedAt) } }
                if ripe.isEmpty { await changed.wait(until: next, by: clock) }
            }
        }
    }

    private func mark(_ task: TaskDelivery, _ startedAt: Int64) async {
        let result: Result<Bool, any Error>
        do {
            try await settle(task, startedAt)
            result = .success(true)
        } catch {
            result = .failure(error)
        }
        let waiter = state.withLock { state -> CheckedContinuation<Result<Bool, any Error>, Never>? in
            guard case .settling(let waiter) = state.uploads[task.delivery.reference]?.standing else { return nil }
            state.uploads[task.delivery.reference]?.standing = .settled(result)
            return waiter
        }
        waiter?.resume(returning: result)
    }

    private static func take(_ state: inout State, now: Int64) -> (ripe: [Upload], next: Int64?) {
        var ripe: [Upload] = []
        while state.first < state.line.count {
            let (due, number, reference) = state.line[state.first]
            if let upload = state.uploads[reference], upload.number == number {
                guard due <= now else { return (ripe, due) }
                state.uploads[reference]?.standing = .settling(nil)
                ripe.append(upload)
            }
            state.first += 1
        }
        tidy(&state)
        state.isIdle = ripe.isEmpty
        return (ripe, nil)
    }

    /// Lets go of the entries of uploads that have ended: the line is never much longer than the table.
    private static func tidy(_ state: inout State) {
        guard state.line.count > 2 * state.uploads.count + 1_024 else { return }
        let uploads = state.uploads
        state.line = state.line[state.first...].filter { uploads[$0.reference]?.number == $0.number }
        state.first = 0
    }
}
