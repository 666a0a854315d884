internal import BackhaulLog
internal import BackhaulTransfer
internal import BackhaulUnits
internal import Synchronization

/// The in-flight marks of a lane's uploads. An upload that runs for some seconds writes a mark to the log; a mark
/// without an end tells the next owner that the worker died. While it goes on, it reports at intervals how far it has
/// come. One timer serves all uploads of a lane, and a quick upload costs only two table entries.
final class InFlightMarks: Sendable {
    /// The state of an upload's mark.
    private enum Standing {
        case none
        /// The mark or a report is being settled, and the caller of `end` that waits for it.
        case settling(CheckedContinuation<Result<Bool, any Error>, Never>?)
        case settled(Result<Bool, any Error>)
    }

    private struct Upload {
        /// Distinguishes an upload from a later one of the same delivery.
        var number: UInt64
        var task: TaskDelivery
        var startedAt: Timestamp
        let progress: TransferProgress
        /// What the last report said.
        var reported = ByteCount.zero
        var standing = Standing.none
    }

    /// Uploads in due order, since all in a line wait equally long. May still hold uploads that have ended.
    private struct Line {
        var entries: [(due: Timestamp, number: UInt64, reference: DeliveryReference)] = []
        var first = 0

        var isEmpty: Bool { first == entries.count }
    }

    private struct State {
        var uploads: [DeliveryReference: Upload] = [:]
        /// Uploads that have no mark yet.
        var unmarked = Line()
        /// Uploads that have one.
        var marked = Line()
        var last: UInt64 = 0
        /// Whether `run` waits for an upload to begin, or for the report of one, but not for a mark.
        var isIdle = false
    }

    private let state = Mutex(State())
    private let changed = Signal()
    private let after: Duration
    private let interval: Duration
    private let clock: any LogClock
    private let settle: Settle

    /// Writes a mark where `sent` is nil, else a report; returns once it is durable.
    typealias Settle =
        @Sendable (TaskDelivery, _ startedAt: Timestamp, _ sent: ByteCount?) async throws -> Void

    /// - Parameters:
    ///   - after: the time after which an upload is marked.
    ///   - interval: the time between the mark and the first report, and between two reports.
    init(
        after: Duration, every interval: Duration, clock: any LogClock, settle: @escaping Settle
    ) {
        self.after = after
        self.interval = max(interval, .milliseconds(10))
        self.clock = clock
        self.settle = settle
    }

    /// Registers an upload that begins.
    /// - Parameters:
    ///   - now: when it begins, by the steady clock.
    ///   - startedAt: the same moment by the wall clock, for the mark.
    func begin(_ task: TaskDelivery, at now: Timestamp, startedAt: Timestamp, progress: TransferProgress) {
        let reference = task.delivery.reference
        let wakes = state.withLock { state in
            state.last += 1
            state.uploads[reference] = Upload(
                number: state.last, task: task, startedAt: startedAt, progress: progress)
            state.unmarked.entries.append((now + after, state.last, reference))
            defer { state.isIdle = false }
            return state.isIdle
        }
        // A `run` that waits for an earlier upload wakes early enough for this one.
        if wakes { changed.raise() }
    }

    /// Ends an upload, successful or not.
    /// - Returns: whether it was marked. Waits for a mark or a report that is being written: its records must be in the
    ///   log before those of the end.
    /// - Throws: the error with which the mark or a report could not be settled.
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
                if case .settled(let result) = upload.standing {
                    // At once: `run` must not take it for another report.
                    state.uploads[reference] = nil
                    return result
                }
                state.uploads[reference]?.standing = .settling(continuation)
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
        state.withLock { $0.uploads[reference] = nil }
        return try result.get()
    }

    /// Writes the marks and reports that are due, until the calling task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let now = clock.now
                let (ripe, next) = state.withLock { state in take(&state, now: now) }
                for (upload, sent) in ripe { group.addTask { await self.write(upload, sent) } }
                if ripe.isEmpty { await changed.wait(until: next, by: clock) }
            }
        }
    }

    private func write(_ upload: Upload, _ sent: ByteCount?) async {
        let task = upload.task
        let result: Result<Bool, any Error>
        do {
            try await settle(task, upload.startedAt, sent)
            result = .success(true)
        } catch {
            result = .failure(error)
        }
        let due = clock.now + interval
        let waiter = state.withLock { state -> CheckedContinuation<Result<Bool, any Error>, Never>? in
            guard case .settling(let waiter) = state.uploads[task.delivery.reference]?.standing else { return nil }
            state.uploads[task.delivery.reference]?.standing = .settled(result)
            if waiter == nil, case .success = result { line(up: upload, at: due, &state) }
            return waiter
        }
        waiter?.resume(returning: result)
        // `run` may wait for something later, or for nothing.
        changed.raise()
    }

    /// Two writes may end in one order and take the lock in the other: no due time is before that of the line's last.
    private func line(up upload: Upload, at due: Timestamp, _ state: inout State) {
        let due = max(due, state.marked.entries.last?.due ?? due)
        state.marked.entries.append((due, upload.number, upload.task.delivery.reference))
    }

    /// - Returns: the uploads that need a mark, and with what they have sent those that have news to report; and when
    ///   the next may be due.
    private func take(
        _ state: inout State, now: Timestamp
    ) -> (ripe: [(Upload, sent: ByteCount?)], next: Timestamp?) {
        var ripe: [(Upload, sent: ByteCount?)] = []
        while let (upload, reference) = Self.next(&state.unmarked, state.uploads, now: now) {
            state.uploads[reference]?.standing = .settling(nil)
            ripe.append((upload, nil))
        }
        while let (upload, reference) = Self.next(&state.marked, state.uploads, now: now) {
            let sent = upload.progress.bytesSent
            if sent != upload.reported {
                state.uploads[reference]?.reported = sent
                state.uploads[reference]?.standing = .settling(nil)
                ripe.append((upload, sent))
            } else {
                // Nothing new: a wait for the server's answer writes nothing.
                line(up: upload, at: now + interval, &state)
            }
        }
        Self.tidy(&state)
        state.isIdle = ripe.isEmpty && state.unmarked.isEmpty
        let next = [state.unmarked, state.marked].compactMap { line in
            line.isEmpty ? nil : line.entries[line.first].due
        }
        return (ripe, next.min())
    }

    /// Takes the first upload of a line that is due and has not ended.
    private static func next(
        _ line: inout Line, _ uploads: [DeliveryReference: Upload], now: Timestamp
    ) -> (Upload, DeliveryReference)? {
        while line.first < line.entries.count {
            let (due, number, reference) = line.entries[line.first]
            let upload = uploads[reference].flatMap { $0.number == number ? $0 : nil }
            if upload != nil, due > now { return nil }
            line.first += 1
            if let upload { return (upload, reference) }
        }
        return nil
    }

    /// Removes entries of uploads that have ended, so that a line is never much longer than the table.
    private static func tidy(_ state: inout State) {
        tidy(&state.unmarked, state.uploads)
        tidy(&state.marked, state.uploads)
    }

    private static func tidy(_ line: inout Line, _ uploads: [DeliveryReference: Upload]) {
        guard line.entries.count > 2 * uploads.count + 1_024 else { return }
        line.entries = line.entries[line.first...].filter { uploads[$0.reference]?.number == $0.number }
        line.first = 0
    }
}
