package import BackhaulDomain
package import BackhaulLog
package import BackhaulUnits
internal import SwiftProtobuf

/// A record of the control topic: how far an embedded log has been copied into the topics.
package struct MigrationRecord: Hashable, Sendable {
    /// What was copied so far, in records.
    package struct Counts: Hashable, Sendable {
        package var tasks = 0
        package var results = 0
        package var deadLetters = 0
        package var acts = 0
        /// Replays, discards and muted issues.
        package var replays = 0
        /// Results that cannot be read, and are not copied.
        package var unreadable = 0

        package init() {}
    }

    /// The machine and the data folder, for people.
    package var origin: String
    package var startedAt: Timestamp
    /// nil until everything is copied.
    package var finishedAt: Timestamp?
    /// The first offset of each partition of the embedded log that is not copied.
    package var cursors: [TopicPartition: Int64]
    package var counts: Counts

    package static let contentType = "application/x-protobuf;messageType=backhaul.v1.Control"
    private static let keyPrefix = "migration/"

    package init(origin: String, startedAt: Timestamp) {
        self.origin = origin
        self.startedAt = startedAt
        cursors = [:]
        counts = Counts()
    }

    /// - Parameter id: of the migration.
    package func request(_ id: String, _ layout: TopicLayout) throws -> AppendRequest {
        var message = Backhaul_V1_Control()
        message.migration.origin = origin
        message.migration.startedAtMs = startedAt.milliseconds
        message.migration.finishedAtMs = finishedAt?.milliseconds ?? 0
        message.migration.cursors = cursors.sorted { $0.key < $1.key }.map { partition, next in
            var cursor = Backhaul_V1_Migration.Cursor()
            cursor.topic = partition.topic
            cursor.partition = UInt32(clamping: partition.partition)
            cursor.next = next
            return cursor
        }
        message.migration.tasks = UInt64(clamping: counts.tasks)
        message.migration.results = UInt64(clamping: counts.results)
        message.migration.deadLetters = UInt64(clamping: counts.deadLetters)
        message.migration.acts = UInt64(clamping: counts.acts)
        message.migration.replays = UInt64(clamping: counts.replays)
        message.migration.unreadable = UInt64(clamping: counts.unreadable)
        return AppendRequest(
            topic: layout.control, partitioning: .partition(0),
            record: LogRecord(
                key: Array((Self.keyPrefix + id).utf8), value: try message.serializedBytes(),
                headers: HeaderName.headers(contentType: Self.contentType)))
    }

    /// Every migration into the topics, by its id.
    /// - Throws: `LogError`; `RecordError` for one that cannot be read, or that nobody with a key has written.
    package static func all(_ log: any MessageLog, _ layout: TopicLayout) async throws -> [String: MigrationRecord] {
        let control = TopicPartition(topic: layout.control, partition: 0)
        let end = try await log.decided(control)
        var found: [String: (migration: MigrationRecord, position: LogPosition)] = [:]
        try await log.scan(control, to: end) { records in
            for stored in records {
                guard let (id, migration) = try read(stored.record) else { continue }
                found[id] = (migration, stored.position)
            }
        }
        // A refused record reads as nothing. It must not look as if nothing had been copied.
        guard let signed = log as? SignedLog else { return found.mapValues(\.migration) }
        try await signed.base.scan(control, to: end) { records in
            for stored in records {
                guard let id = id(of: stored.record), stored.position.offset > found[id]?.position.offset ?? -1 else {
                    continue
                }
                throw RecordError.invalid(
                    what: "migration",
                    problem: "\(stored.position) has no valid signature; use the records.signing of the first run")
            }
        }
        return found.mapValues(\.migration)
    }

    private static func id(of record: LogRecord) -> String? {
        guard let key = record.key, key.starts(with: keyPrefix.utf8), record.value != nil else { return nil }
        return String(decoding: key.dropFirst(keyPrefix.utf8.count), as: UTF8.self)
    }

    /// - Returns: the migration's id and how far it has come; nil for a record of another kind.
    /// - Throws: `RecordError` for a record of a migration that cannot be read: the copy must not begin again.
    package static func read(_ record: LogRecord) throws(RecordError) -> (id: String, migration: MigrationRecord)? {
        guard let id = id(of: record), let value = record.value else { return nil }
        guard let message = try? Backhaul_V1_Control(serializedBytes: value),
            case .migration(let found)? = message.request
        else { throw .unreadable(what: "migration") }
        var migration = MigrationRecord(
            origin: found.origin.bounded(toBytes: Domain.longestLabel),
            startedAt: try GenerationCodec.time(found.startedAtMs, "started_at_ms", of: "migration"))
        if found.finishedAtMs != 0 {
            migration.finishedAt = try GenerationCodec.time(found.finishedAtMs, "finished_at_ms", of: "migration")
        }
        for cursor in found.cursors {
            guard cursor.next >= 0 else { throw .invalid(what: "migration", problem: "a cursor is below 0") }
            let partition = TopicPartition(topic: cursor.topic, partition: Int(cursor.partition))
            migration.cursors[partition] = cursor.next
        }
        migration.counts.tasks = Int(clamping: found.tasks)
        migration.counts.results = Int(clamping: found.results)
        migration.counts.deadLetters = Int(clamping: found.deadLetters)
        migration.counts.acts = Int(clamping: found.acts)
        migration.counts.replays = Int(clamping: found.replays)
        migration.counts.unreadable = Int(clamping: found.unreadable)
        return (id, migration)
    }
}
