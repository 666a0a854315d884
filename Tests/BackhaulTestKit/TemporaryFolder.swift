internal import Foundation

/// Runs `body` with its own folder, which is removed afterwards, also when `body` throws.
package func withTemporaryFolder<Value>(
    isolation: isolated (any Actor)? = #isolation, _ body: (String) async throws -> Value
) async throws -> Value {
    let folder = NSTemporaryDirectory() + "backhaul-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
}
