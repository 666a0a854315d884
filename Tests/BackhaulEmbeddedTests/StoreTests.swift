import BackhaulEmbedded
import BackhaulLog
import BackhaulTestKit
import Foundation
import GRDB
import Logging
import Testing

@Suite("Embedded store")
struct StoreTests {
    private let topics = [
        TopicSpecification(name: "t", partitions: 1, retention: .untilRead(by: ["g"], atLeast: .milliseconds(1 << 40)))
    ]

    private func open(
        _ folder: String, owns: Bool = true, durability: Durability = .process, clock: any LogClock = SystemLogClock()
    ) throws -> EmbeddedLog {
        try EmbeddedLog(
            folder: folder, options: EmbeddedOptions(owns: owns, durability: durability), clock: clock,
            logger: Logger(label: "test"))
    }

    private func record(_ text: String) -> AppendRequest {
        AppendRequest(topic: "t", partitioning: .partition(0), record: LogRecord(value: Array(text.utf8)))
    }

    private func all(_ log: EmbeddedLog) async throws -> [String] {
        var texts: [String] = []
        try await log.scan(TopicPartition(topic: "t", partition: 0)) { records in
            texts += records.map { String(decoding: $0.record.value ?? [], as: UTF8.self) }
        }
        return texts
    }

    @Test func secondOwnerOfFolderIsRefused() async throws {
        try await withTemporaryFolder { folder in
            let log = try open(folder)
            #expect(throws: LogError.inUse(folder: log.folder, owner: "process \(getpid())")) { try open(folder) }
            let other = try open(folder, owns: false)
            await #expect(throws: LogError.self) { _ = try await other.openSession([]) }
            await other.close()
            await log.close()
            // A closed log releases its folder when it is deallocated.
        }
    }

    /// Another process's append wakes the owner, and the reverse. No polling can hide a lost wake-up.
    @Test func appendWakesOtherProcess() async throws {
        try await withTemporaryFolder { folder in
            let owner = try open(folder)
            try await owner.ensure(topics)
            let session = try await owner.openSession([Subscription(group: "g", topic: "t")])
            await session.grant(1_000)
            let other = try open(folder, owns: false)
            for round in 0..<50 {
                async let delivered = within(300, "round \(round)") {
                    while let event = try await session.next() {
                        if case .delivered(let deliveries) = event { return deliveries }
                    }
                    return []
                }
                _ = try await other.append([record("\(round)")])
                let deliveries = try await delivered
                #expect(deliveries.map { String(decoding: $0.record.value ?? [], as: UTF8.self) } == ["\(round)"])
            }
            let changes = await other.changes()
            _ = try await owner.append([record("back")])
            let isTold = try await within(300, "the owner's append") {
                for await _ in changes { return true }
                return false
            }
            #expect(isTold)
            await other.close()
            await owner.close()
        }
    }

    @Test func concurrentAppendsOfTwoProcessesAreKept() async throws {
        try await withTemporaryFolder { folder in
            let logs = [try open(folder), try open(folder, owns: false)]
            try await logs[0].ensure(topics)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, log) in logs.enumerated() {
                    for number in 0..<100 { group.addTask { _ = try await log.append([record("\(index)/\(number)")]) } }
                }
                try await group.waitForAll()
            }
            #expect(Set(try await all(logs[0])).count == 200)
            for log in logs { await log.close() }
        }
    }

    @Test func corruptedRecordThrowsWithOffset() async throws {
        try await withTemporaryFolder { folder in
            let log = try open(folder, owns: false)
            try await log.ensure(topics)
            _ = try await log.append((0..<200).map { record("needle-\($0)-needle") })
            await log.close()
            let path = folder + "/log.sqlite"
            let checkpoint = try DatabaseQueue(path: path)
            try await checkpoint.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
            try checkpoint.close()
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            let range = try #require(bytes.range(of: Data("needle-77-needle".utf8)))
            bytes[range.lowerBound] ^= 1
            try bytes.write(to: URL(fileURLWithPath: path))
            let again = try open(folder)
            do {
                _ = try await all(again)
                Issue.record("the damage was not detected")
            } catch let error as LogError {
                #expect(error.description.contains("t/0@77"), "\(error)")
            }
            await again.close()
        }
    }

    @Test func missingRecordThrowsWithOffset() async throws {
        try await withTemporaryFolder { folder in
            let log = try open(folder, owns: false)
            try await log.ensure(topics)
            _ = try await log.append((0..<20).map { record("\($0)") })
            await log.close()
            let database = try DatabaseQueue(path: folder + "/log.sqlite")
            try await database.write { try $0.execute(sql: "DELETE FROM records WHERE (id & 1099511627775) = 7") }
            try database.close()
            let again = try open(folder)
            do {
                _ = try await all(again)
                Issue.record("the gap was not detected")
            } catch let error as LogError {
                #expect(error.description.contains("t/0@7"), "\(error)")
            }
            await again.close()
        }
    }

    @Test func invalidDatabaseFileThrowsDamaged() async throws {
        try await withTemporaryFolder { folder in
            try Data(repeating: 0x41, count: 8_192).write(to: URL(fileURLWithPath: folder + "/log.sqlite"))
            do {
                _ = try open(folder)
                Issue.record("the store was opened")
            } catch let error as LogError {
                guard case .damaged = error else {
                    Issue.record("\(error)")
                    return
                }
            }
        }
    }

    @Test func newerFormatIsRefusedAndOlderMigrated() async throws {
        try await withTemporaryFolder { folder in
            let newer = folder + "/newer"
            await (try open(newer)).close()
            let database = try DatabaseQueue(path: newer + "/log.sqlite")
            try await database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 99") }
            try database.close()
            do {
                _ = try open(newer, owns: false)
                Issue.record("the store was opened")
            } catch let error as LogError {
                guard case .newerFormat(99, _, _) = error else {
                    Issue.record("\(error)")
                    return
                }
            }
            // A store in format 1, which has no identities.
            let older = folder + "/older"
            try FileManager.default.createDirectory(atPath: older, withIntermediateDirectories: true)
            let old = try DatabaseQueue(path: older + "/log.sqlite")
            try await old.writeWithoutTransaction { database in
                try database.execute(
                    sql: """
                        CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL,
                            retention TEXT NOT NULL);
                        CREATE TABLE partitions(id INTEGER PRIMARY KEY, topic INTEGER NOT NULL REFERENCES topics(id),
                            number INTEGER NOT NULL, earliest INTEGER NOT NULL, next INTEGER NOT NULL, UNIQUE(topic, number));
                        CREATE TABLE records(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, key BLOB, value BLOB,
                            headers BLOB NOT NULL, crc INTEGER NOT NULL);
                        CREATE TABLE positions(reader TEXT NOT NULL, partition INTEGER NOT NULL, frontier INTEGER NOT NULL,
                            map TEXT NOT NULL, PRIMARY KEY(reader, partition)) WITHOUT ROWID;
                        INSERT INTO topics VALUES (1, 't', 1, '{"kind":"compact"}');
                        INSERT INTO partitions VALUES (1, 1, 0, 0, 0);
                        PRAGMA user_version = 1;
                        """)
            }
            try old.close()
            let log = try open(older)
            let identity = RecordIdentity(name: [1], fingerprint: [1])
            let request = AppendRequest(
                topic: "t", partitioning: .partition(0), record: LogRecord(value: [1]), identity: identity)
            _ = try await log.append([request])
            guard case .known = try await log.append([request])[0] else {
                Issue.record("identities are not stored")
                return
            }
            await log.close()
        }
    }

    /// Uses a real file system of 3 MiB. Mounting it needs root; without root the test counts as skipped.
    @Test(.enabled(if: getuid() == 0, "mounting a small tmpfs needs root"))
    func fullDiskRefusesAppendAndRecovers() async throws {
        try await withTemporaryFolder { folder in
            guard mount("tmpfs", folder, "tmpfs", 0, "mode=700,size=3m") == 0 else {
                Issue.record("tmpfs cannot be mounted here: \(String(cString: strerror(errno)))")
                return
            }
            defer { umount2(folder, Int32(MNT_DETACH)) }
            let log = try open(folder, durability: .fsync)
            try await log.ensure(topics)
            try Data(count: 1 << 20).write(to: URL(fileURLWithPath: folder + "/filler"))
            var accepted: [String] = []
            var refusal: (any Error)?
            for number in 0..<200 {
                let text = "\(number)-" + String(repeating: "x", count: 50_000)
                do {
                    _ = try await log.append([record(text)])
                    accepted.append(text)
                } catch {
                    refusal = error
                    break
                }
            }
            #expect(refusal as? LogError == .outOfSpace(folder: log.folder))
            #expect(!accepted.isEmpty)
            #expect(try await all(log) == accepted, "every acknowledged record is stored, and no refused one")
            try FileManager.default.removeItem(atPath: folder + "/filler")
            _ = try await log.append([record("room again")])
            #expect(try await all(log) == accepted + ["room again"])
            await log.close()
        }
    }

    /// After the clock is set back by an hour, a waiting record waits for at most its own delay.
    @Test func clockSetBackAddsAtMostOneDelay() async throws {
        try await withTemporaryFolder { folder in
            let before = ManualClock(now: 10_000_000)
            let log = try open(folder, clock: before)
            try await log.ensure(topics)
            _ = try await log.append([record("a")])
            await log.close()
            let copy = folder + "/copy"
            try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
            for name in ["log.sqlite", "log.sqlite-wal"]
            where FileManager.default.fileExists(atPath: folder + "/" + name) {
                try FileManager.default.copyItem(atPath: folder + "/" + name, toPath: copy + "/" + name)
            }
            let after = ManualClock(now: 6_400_000)
            let again = try open(copy, clock: after)
            let session = try await again.openSession([Subscription(group: "g", topic: "t", delay: .seconds(10))])
            await session.grant(1)
            _ = try await session.next()
            _ = try? await within(0.2, "nothing is due") { try await session.next() }
            after.advance(by: .seconds(10))
            let event = try await within(300, "the record") { try await session.next() }
            guard case .delivered(let deliveries) = event else {
                Issue.record("\(String(describing: event))")
                return
            }
            #expect(deliveries[0].skew == .seconds(3_600))
            await again.close()
        }
    }

    @Test func networkFileSystemIsRefused() {
        let mounts = """
            22 1 8:1 / / rw - ext4 /dev/sda1 rw
            30 22 0:40 / /mnt/nas rw,relatime shared:1 - nfs4 host:/export rw
            31 22 0:41 / /mnt/my\\040disk rw - cifs //host/share rw
            32 30 8:2 / /mnt/nas/local rw - xfs /dev/sdb rw
            """
        let check = FileSystemCheck(mountInfo: mounts)
        #expect(check.type(of: "/srv/data") == "ext4")
        #expect(check.type(of: "/mnt/nasty") == "ext4")
        #expect(check.type(of: "/mnt/nas/local/x") == "xfs")
        for folder in ["/mnt/nas", "/mnt/nas/data", "/mnt/my disk/x"] {
            #expect(throws: LogError.self) { try check.requireLocal(folder) }
        }
    }
}
