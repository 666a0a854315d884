import BackhaulFiles
import BackhaulTestKit
import Foundation

/// Runs `body` with a file of this many bytes, open until it returns, and its content.
func withSourceFile(_ size: Int, _ body: (SourceFile, [UInt8]) async throws -> Void) async throws {
    try await withTemporaryFolder { folder in
        var numbers = SeededNumbers(seed: UInt64(size))
        var bytes = [UInt8](repeating: 0, count: size)
        bytes.withUnsafeMutableBytes { buffer in
            for index in stride(from: 0, to: buffer.count - 8, by: 8) {
                buffer.storeBytes(of: numbers.next(), toByteOffset: index, as: UInt64.self)
            }
        }
        try Data(bytes).write(to: URL(fileURLWithPath: folder + "/f"))
        let root = open(folder, O_RDONLY | O_DIRECTORY)
        defer { close(root) }
        try await body(try SourceFile(path: "f", below: root), bytes)
    }
}
