internal import BackhaulUnits

/// Retries calls to a log that is temporarily unavailable.
package enum Patience {
    /// Runs `body` until it returns a value. Between two attempts it waits `first`, then twice as long each
    /// time, at most five seconds.
    /// - Parameters:
    ///   - isOver: whether the value is no longer needed; then returns nil.
    ///   - onWait: called with every temporary error.
    /// - Throws: permanent errors of `body`; `CancellationError`.
    package static func keepAsking<Value: Sendable>(
        clock: any LogClock, first: Duration = .milliseconds(200), isolation: isolated (any Actor)? = #isolation,
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
                wait = min(wait * 2, .seconds(5))
            }
        }
        return nil
    }
}

extension LogError {
    /// Whether the records to be written caused the error: it is permanent, and the same records fail again.
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
