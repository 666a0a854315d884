/// The error of a wait that took longer than its deadline.
package struct DeadlineExceeded: Error, CustomStringConvertible {
    package let what: String
    package var description: String { "not within its deadline: \(what)" }
}

/// Runs `body`. When that takes longer than `seconds`, throws `DeadlineExceeded`, so that the test fails and does
/// not hang.
package func within<Value: Sendable>(
    _ seconds: Double, _ what: String, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await ContinuousClock().sleep(for: .milliseconds(Int(seconds * 1_000)))
            throw DeadlineExceeded(what: what)
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() else { throw DeadlineExceeded(what: what) }
        return value
    }
}
