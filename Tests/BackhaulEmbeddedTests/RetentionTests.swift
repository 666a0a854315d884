import BackhaulEmbedded
import BackhaulLog
import BackhaulTestKit
import Foundation
import GRDB
import Logging
import Testing

@Suite("Embedded log retention")
struct RetentionTests {
    private static let day: Int64 = 86_400_000

    private func withLog(
        _ topics: [TopicSpecification], _ body: (EmbeddedLog, ManualClock) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let log = try EmbeddedLog(
                folder: folder, options: EmbeddedOptions(owns: true, durability: .process), clock: clock,
                logger: Logger(label: "test"))
            try await log.ensure(topics)
            try await body(log, clock)
            await log.close()
        }
    }

    private func request(
        _ topic: String, key: String? = nil, _ value: String?, identity: String? = nil, traces: [String] = []
    ) -> AppendRequest {
        AppendRequest(
            topic: topic, partitioning: .partition(0),
            record: LogRecord(key: key.map { Array($0.utf8) }, value: value.map { Array($0.utf8) }),
            identity: identity.map { RecordIdentity(name: Array($0.utf8), fingerprint: [1]) },
            traces: traces.map { Array($0.utf8) })
    }

    private func texts(_ log: EmbeddedLog, _ topic: String) async throws -> [String] {
        var texts: [String] = []
        try await log.scan(TopicPartition(topic: topic, partition: 0)) { records in
            texts += records.map { String(decoding: $0.record.value ?? Array("-".utf8), as: UTF8.self) }
        }
        return texts
    }

    @Test func appendCompactsSupersededRecord() async throws {
        let topic = TopicSpecification(name: "c", partitions: 1, retention: .compact)
        try await withLog([topic]) { log, clock in
            _ = try await log.append([request("c", key: "a", "1"), request("c", key: "b", "2")])
            _ = try await log.append([request("c", key: "a", "3"), request("c", key: "a", "4")])
            #expect(try await texts(log, "c") == ["2", "4"])
            _ = try await log.append([request("c", key: "b", nil), request("c", "without a key")])
            #expect(try await texts(log, "c") == ["4", "-", "without a key"])
            clock.advance(by: .milliseconds(Self.day))
            try await log.maintain()
            #expect(try await texts(log, "c") == ["4", "-", "without a key"], "a reader may not have seen it yet")
            clock.advance(by: .milliseconds(1))
            try await log.maintain()
            #expect(try await texts(log, "c") == ["4", "without a key"])
            // The key may be written again.
            _ = try await log.append([request("c", key: "b", "5")])
            #expect(try await texts(log, "c") == ["4", "without a key", "5"])
        }
    }

    @Test func identityExpiresWithItsLastTrace() async throws {
        let topics = [
            TopicSpecification(
                name: "tasks", partitions: 1, retention: .untilRead(by: ["g"], atLeast: .milliseconds(10))),
            TopicSpecification(name: "results", partitions: 1, retention: .age(.milliseconds(100)), answers: ["tasks"]),
        ]
        try await withLog(topics) { log, clock in
            let task = TopicPartition(topic: "tasks", partition: 0)
            func submit() async throws -> AppendOutcome {
                try await log.append([request("tasks", "t", identity: "id")])[0]
            }
            #expect(try await submit() == .appended(LogPosition(partition: task, offset: 0)))
            // A task in progress stays known for any length of time, although its record has been truncated.
            try await log.commit([task: GroupPosition(frontier: 1)], of: "g")
            clock.advance(by: .seconds(1))
            try await log.maintain()
            #expect(try await log.bounds("tasks")[0].earliest == 1)
            #expect(try await submit() == .known(LogPosition(partition: task, offset: 0)))
            _ = try await log.append([request("results", "r", traces: ["id"])])
            clock.advance(by: .milliseconds(99))
            try await log.maintain()
            #expect(try await submit() == .known(LogPosition(partition: task, offset: 0)))
            clock.advance(by: .milliseconds(1))
            try await log.maintain()
            #expect(try await texts(log, "results").isEmpty)
            #expect(try await submit() == .appended(LogPosition(partition: task, offset: 1)), "forgotten completely")
            #expect(try await submit() == .known(LogPosition(partition: task, offset: 1)))
        }
    }

    @Test func resultOutlivesItsUnreadTask() async throws {
        let topics = [
            TopicSpecification(
                name: "tasks", partitions: 1, retention: .untilRead(by: ["g"], atLeast: .milliseconds(10))),
            TopicSpecification(name: "results", partitions: 1, retention: .age(.milliseconds(100)), answers: ["tasks"]),
        ]
        try await withLog(topics) { log, clock in
            _ = try await log.append([request("tasks", "t")])
            clock.advance(by: .milliseconds(5))
            _ = try await log.append([request("results", "r")])
            clock.advance(by: .seconds(1_000))
            try await log.maintain()
            #expect(try await texts(log, "results") == ["r"], "the group has not read past the task yet")
            try await log.commit([TopicPartition(topic: "tasks", partition: 0): GroupPosition(frontier: 1)], of: "g")
            try await log.maintain()
            #expect(try await texts(log, "tasks").isEmpty)
            #expect(try await texts(log, "results").isEmpty)
        }
    }

    /// A store as version 0.1.0 left it: superseded records, tombstones, identities without traces.
    @Test func storeOfFormerFormatIsMigratedAndCompacted() async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            func open() throws -> EmbeddedLog {
                try EmbeddedLog(
                    folder: folder, options: EmbeddedOptions(owns: true, durability: .process), clock: clock,
                    logger: Logger(label: "test"))
            }
            // A log releases its folder when it is deallocated.
            func fill() async throws {
                let log = try open()
                try await log.ensure([
                    TopicSpecification(name: "c", partitions: 2, retention: .compact),
                    TopicSpecification(name: "t", partitions: 1, retention: .untilRead(by: ["g"], atLeast: .zero)),
                ])
                _ = try await log.append([
                    request("c", key: "a", "1"), request("c", key: "b", "2"), request("c", key: "d", nil),
                    request("t", "task", identity: "id"),
                ])
                await log.close()
            }
            try await fill()
            try await DatabaseQueue(path: folder + "/log.sqlite").write { database in
                // The state that an append of the former version left.
                try database.execute(
                    sql: """
                        INSERT INTO records SELECT id + 10, at, key, value, headers, crc FROM records WHERE key = x'61';
                        UPDATE partitions SET next = 11 WHERE id = 1;
                        DROP TABLE latest; DROP TABLE tombstones; DROP TABLE clock; DROP INDEX identities_last;
                        CREATE TABLE old(name BLOB PRIMARY KEY, fingerprint BLOB NOT NULL, record INTEGER NOT NULL)
                            WITHOUT ROWID;
                        INSERT INTO old SELECT name, fingerprint, record FROM identities;
                        DROP TABLE identities; ALTER TABLE old RENAME TO identities;
                        PRAGMA user_version = 2;
                        """)
            }
            let log = try open()
            #expect(try await texts(log, "c") == ["2", "-", "1"])
            let task = TopicPartition(topic: "t", partition: 0)
            let again = request("t", "task", identity: "id")
            #expect(try await log.append([again]) == [.known(LogPosition(partition: task, offset: 0))])
            try await log.commit([task: GroupPosition(frontier: 1)], of: "g")
            clock.advance(by: .milliseconds(2) * Self.day)
            try await log.maintain()
            #expect(try await texts(log, "c") == ["2", "1"])
            // The task's fate is unknown, so it must not count as known.
            #expect(try await log.append([again]) == [.appended(LogPosition(partition: task, offset: 1))])
            await log.close()
        }
    }
}
