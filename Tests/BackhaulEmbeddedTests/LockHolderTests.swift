import BackhaulLog
import BackhaulTestKit
import BackhaulUnits
import Foundation
import Logging
import Synchronization
import Testing

@testable import BackhaulEmbedded

@Suite("Holder of the store's lock")
struct LockHolderTests {
    @Test func holderIsFoundAmongLocks() {
        let locks = """
            1: POSIX  ADVISORY  READ  11 fe:00:77 123 123
            2: POSIX  ADVISORY  WRITE 12 fe:00:76 120 120
            2: -> POSIX  ADVISORY  WRITE 13 fe:00:77 120 120
            3: FLOCK  ADVISORY  WRITE 14 fe:00:77 0 EOF
            4: POSIX  ADVISORY  WRITE 15 fe:00:77 121 121
            5: POSIX  ADVISORY  WRITE 16 fe:00:77 120 120
            """
        #expect(LockHolder.process(in: locks, inode: 77) == 16)
        #expect(LockHolder.process(in: locks, inode: 78) == nil)
        #expect(LockHolder.process(in: "1: POSIX  ADVISORY  WRITE -1 fe:00:77 0 EOF", inode: 77) == nil)
        #expect(
            LockHolder.process(in: "1: POSIX  ADVISORY  WRITE x fe:00:77 99999999999999999999 EOF", inode: 77) == nil)
    }

    /// A process that is stopped in the middle of a commit is named, and so is it in the error when the wait ends.
    @Test func stoppedWriterIsNamed() async throws {
        try await withTemporaryFolder { folder in
            let told = Mutex<[String]>([])
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let log = try EmbeddedLog(
                folder: folder, options: EmbeddedOptions(owns: true, busyTimeout: .seconds(4)), logger: logger
            ) { holder in told.withLock { $0.append(holder) } }
            try await log.ensure([TopicSpecification(name: "t", partitions: 1, retention: .age(.seconds(60)))])
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
            process.arguments = [
                "-c",
                """
                import os, signal, sqlite3, sys
                database = sqlite3.connect(sys.argv[1], isolation_level=None)
                database.execute("BEGIN IMMEDIATE")
                print("locked", flush=True)
                os.kill(os.getpid(), signal.SIGSTOP)
                """, folder + "/log.sqlite",
            ]
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.run()
            defer { kill(process.processIdentifier, SIGKILL) }
            #expect(pipe.fileHandleForReading.readData(ofLength: 6) == Data("locked".utf8))
            let request = AppendRequest(topic: "t", partitioning: .partition(0), record: LogRecord(value: [1]))
            let name = "process \(process.processIdentifier) (python3"
            await #expect {
                _ = try await log.append([request])
            } throws: { "\($0)".contains(name) }
            #expect(told.withLock { $0.count == 1 && $0[0].hasPrefix(name) }, "\(told.withLock { $0 })")
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            _ = try await log.append([request])
            await log.close()
        }
    }
}
