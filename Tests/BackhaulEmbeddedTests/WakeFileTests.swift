import BackhaulTestKit
import Foundation
import Synchronization
import Testing

@testable import BackhaulEmbedded

@Suite("Wake file")
struct WakeFileTests {
    /// A wake file, with its wake-ups as a stream.
    private func watch(_ folder: String) throws -> (file: WakeFile, wakes: AsyncStream<Void>) {
        let (wakes, continuation) = AsyncStream.makeStream(of: Void.self)
        return (try WakeFile(folder: folder) { continuation.yield() }, wakes)
    }

    /// A user has 128 inotify instances for all programs together. A process uses one, for any number of open logs.
    @Test(.timeLimit(.minutes(10))) func logsShareOneInotifyInstance() async throws {
        try await withTemporaryFolder { folder in
            let count = Mutex<[Int: Int]>([:])
            let files = try (0..<300).map { number in
                let path = "\(folder)/\(number)"
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
                return try WakeFile(folder: path) { count.withLock { $0[number, default: 0] += 1 } }
            }
            let instances = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)"))
                    == "anon_inode:inotify"
            }
            #expect(instances.count == 1)
            let (last, wakes) = try watch(folder)
            files[7].wake()
            files[299].wake()
            last.wake()
            var iterator = wakes.makeAsyncIterator()
            await iterator.next()
            // Events of one instance arrive in order, but each log handles them on its own queue.
            try await within(300, "two wakes") {
                while count.withLock({ $0.count }) < 2 { try await ContinuousClock().sleep(for: .milliseconds(10)) }
            }
            #expect(count.withLock { Set($0.keys) } == [7, 299])
            for file in files { file.close() }
            last.close()
        }
    }

    /// A process may open a log twice. Closing one does not end the other's watch, and a folder that is removed and
    /// created again is watched again.
    @Test(.timeLimit(.minutes(10))) func twoWakeFilesOfOneFolderAreIndependent() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/a"
            for _ in 0..<2 {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
                let (first, firstWakes) = try watch(path)
                let (second, secondWakes) = try watch(path)
                first.wake()
                var ofFirst = firstWakes.makeAsyncIterator()
                var ofSecond = secondWakes.makeAsyncIterator()
                await ofFirst.next()
                await ofSecond.next()
                first.close()
                second.wake()
                await ofSecond.next()
                try FileManager.default.removeItem(atPath: path)
                second.close()
            }
        }
    }
}
