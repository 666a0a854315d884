/// Runs work with a time limit.
package enum Deadline {
    package struct Passed: Error {}

    /// - Throws: `Passed` when `body` takes longer than `duration`; `body` is then cancelled.
    package static func run<Value: Sendable>(
        _ duration: Duration, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await ContinuousClock().sleep(for: duration)
                throw Passed()
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw Passed() }
            return first
        }
    }
}
