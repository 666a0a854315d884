/// Waits out what passes: a log that does not answer for now is asked again until it does.
package enum Patience {
    /// Runs `body` until it gives a value; between two tries it waits, at first `first` milliseconds, twice as long each
    /// time, five seconds at the most.
    /// - Parameters:
    ///   - isOver: whether nobody wants the value any more; then nil is given.
    ///   - onWait: told of every failure that is waited out.
    /// - Throws: what `body` throws and time does not mend; `CancellationError`.
    package static func keepAsking<Value: Sendable>(
        clock: any LogClock, first: Int64 = 200, isolation: isolated (any Actor)? = #isolation,
        isOver: () async -> Bool, onWait: (LogError) -> Void, _ body: () async throws -> Value
    ) async throws -> Value? {
        var wait = first
        while await !isOver() {
            do {
                return try await body()
            } catch let error as LogError {
                guard error.mayPass else { throw error }
                onWait(error)
                try await clock.sleep(until: clock.now + wait)
                wait = min(wait * 2, 5_000)
            }
        }
        return nil
    }
}

extension LogError {
    /// Whether it is about what was to be written: no time mends it, and the same records fail again.
    package var concernsRecords: Bool {
        switch self {
        case .recordTooLarge, .recordRefused: true
        default: false
        }
    }

    /// Whether the same call may succeed later.
    package var mayPass: Bool {
        switch self {
        case .outOfSpace, .unavailable: true
        default: false
        }
    }
}
