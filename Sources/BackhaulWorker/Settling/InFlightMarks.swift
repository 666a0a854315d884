internal import BackhaulLog
internal import BackhaulUnits
internal import Synchronization

/// The in-flight marks of a lane's uploads. An upload that runs for some seconds writes a mark to the log; a mark
/// without an end tells the next owner that the worker died. One timer serves all uploads of a lane, and a quick
/// upload costs only two table entries.
final class InFlightMarks: Sendable {
    /// The state of an upload's mark.
    private enum Standing {
        case none
        /// Being settled, and the caller of `end` that waits for it.
        case settling(CheckedContinuation<Result<Bool, any Error>, Never>?)
        case settled(Result<Bool, any Error>)
    }

    private struct Upload {
        /// Distinguishes an upload from a later one of the same delivery.
        var number: UInt64
        var task: TaskDelivery
        var startedAt: Timestamp
        var standing = Standing.none
    }

    private struct State {
        var uploads: [DeliveryReference: Upload] = [:]
        /// In due order, since all wait equally long. May still hold entries of uploads that have ended.
        var line: [(due: Timestamp, number: UInt64, reference: DeliveryReference)] = []
        var first = 0
        var last: UInt64 = 0
        /// Whether `run` waits for an upload to begin, not for a time.
        var isIdle = false
    }

    private let state = Mutex(State())
    private let changed = Signal()
    private let after: Duration
    private let clock: any LogClock
    private let settle: @Sendable (TaskDelivery, _ startedAt: Timestamp) async throws -> Void

    /// - Parameters:
    ///   - after: the time after which an upload is marked.
    ///   - settle: writes a mark; returns once it is durable.
    init(
        after: Duration, clock: any LogClock,
        settle: @escaping @Sendable (TaskDelivery, _ startedAt: Timestamp) async throws -> Void
    ) {
        self.after = after
        self.clock = clock
        self.settle = settle
    }

    /// Registers an upload that begins.
    /// - Parameters:
    ///   - now: when it begins, by the steady clock.
    ///   - startedAt: the same moment by the wall clock, for the mark.
    func begin(_ task: TaskDelivery, at now: Timestamp, startedAt: Timestamp) {
        let reference = task.delivery.reference
        let wakes = state.withLock { state in
            state.last += 1
            state.uploads[reference] = Upload(number: state.last, task: task, startedAt: startedAt)
            state.line.append((now + after, state.last, reference))
            defer { state.isIdle = false }
            return state.isIdle
        }
        // A `run` that waits for an earlier upload wakes early enough for this one.
        if wakes { changed.raise() }
    }

    /// Ends an upload, successful or not.
    /// - Returns: whether it was marked. Waits for a mark that is being written.
    /// - Throws: the error with which the mark could not be settled.
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
        // The mark may have been settled between the two reads of the state. Then its result is stored.
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

    /// Writes the marks that are due, until the calling task is cancelled.
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

    private func mark(_ task: TaskDelivery, _ startedAt: Timestamp) async {
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

    private static func take(_ state: inout State, now: Timestamp) -> (ripe: [Upload], next: Timestamp?) {
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

    /// Removes entries of uploads that have ended, so that the line is never much longer than the table.
    private static func tidy(_ state: inout State) {
        guard state.line.count > 2 * state.uploads.count + 1_024 else { return }
        let uploads = state.uploads
        state.line = state.line[state.first...].filter { uploads[$0.reference]?.number == $0.number }
        state.first = 0
    }
}
