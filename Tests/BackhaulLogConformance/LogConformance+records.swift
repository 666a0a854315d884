internal import BackhaulLog
internal import BackhaulTestKit
internal import BackhaulUnits
internal import Testing

/// Checks of records: durability, order, sizes, headers, retention.
extension LogConformance {
    func appendIsDurable() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t)])
        let outcomes = try await log.append((0..<100).map { value("\($0)") })
        #expect(outcomes.map(\.position.offset) == Array(0..<100))
        let next = try await harness.crash(log)
        #expect(try await all(next, t).map(text) == (0..<100).map(String.init))
        await next.close()
    }

    func orderPerPartition() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t, 4)])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    for number in 0..<50 {
                        let key = Array("k\(writer)".utf8)
                        _ = try await log.append([
                            AppendRequest(
                                topic: t, partitioning: .hash(key),
                                record: LogRecord(key: key, value: Array("\(number)".utf8)))
                        ])
                    }
                }
            }
            try await group.waitForAll()
        }
        var seen: [[UInt8]: [String]] = [:]
        for partition in 0..<4 {
            for record in try await all(log, t, partition: partition) {
                let key = try #require(record.record.key)
                #expect(Partitioner.partition(of: key, among: 4) == partition)
                seen[key, default: []].append(text(record))
            }
        }
        #expect(seen.count == 8)
        for numbers in seen.values { #expect(numbers == (0..<50).map(String.init)) }
        await log.close()
    }

    func browsingWithoutGroup() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t)])
        _ = try await log.append((0..<10).map { value("\($0)") })
        let place = TopicPartition(topic: t, partition: 0)
        let page = try await log.read(place, from: 3, records: 4, bytes: ByteCount(1 << 20))
        #expect(page.records.map(text) == ["3", "4", "5", "6"])
        #expect(page.next == 7)
        #expect(page.end == 10)
        let small = try await log.read(place, from: 0, records: 100, bytes: 1)
        #expect(small.records.count == 1)
        let last = try await log.read(place, from: 10, records: 4, bytes: ByteCount(1 << 20))
        #expect(last.records.isEmpty && last.next == 10)
        #expect(try await log.bounds(t) == [PartitionBounds(partition: place, earliest: 0, end: 10)])
        #expect(try await position(log)?.frontier == 0)
        await log.close()
    }

    func knownIdentity() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t)])
        guard log.abilities.contains(.refusesKnownIdentity) else { return await log.close() }
        func request(_ name: String, _ print: String) -> AppendRequest {
            AppendRequest(
                topic: t, partitioning: .partition(0), record: LogRecord(value: Array(name.utf8)),
                identity: RecordIdentity(name: Array(name.utf8), fingerprint: Array(print.utf8)))
        }
        let first = try await log.append([request("a", "1"), request("b", "1"), request("a", "1")])
        let place = TopicPartition(topic: t, partition: 0)
        #expect(
            first == [
                .appended(LogPosition(partition: place, offset: 0)),
                .appended(LogPosition(partition: place, offset: 1)),
                .known(LogPosition(partition: place, offset: 0)),
            ])
        let next = try await harness.crash(log)
        #expect(
            try await next.append([request("a", "1"), request("a", "2")]) == [
                .known(LogPosition(partition: place, offset: 0)), .conflict(LogPosition(partition: place, offset: 0)),
            ])
        #expect(try await all(next, t).count == 2)
        await next.close()
    }

    func truncationBehindSlowest() async throws {
        guard let clock = harness.clock else { return }
        let log = try await harness.open()
        guard log.abilities.contains(.maintainsItself) else { return await log.close() }
        try await log.ensure([topic(t, 1, .untilRead(by: [g, h], atLeast: .seconds(1)))])
        _ = try await log.append((0..<100).map { value("\($0)") })
        let place = TopicPartition(topic: t, partition: 0)
        try await log.commit([place: GroupPosition(frontier: 60)], of: g)
        clock.advance(by: .seconds(5))
        try await log.maintain()
        #expect(try await log.bounds(t)[0].earliest == 0, "h has read nothing yet")
        try await log.commit([place: GroupPosition(frontier: 40)], of: h)
        try await log.maintain()
        #expect(try await log.bounds(t)[0].earliest == 40)
        #expect(try await all(log, t).first.map(text) == "40")
        try await log.commit([place: GroupPosition(frontier: 100)], of: h)
        _ = try await log.append([value("new")])
        try await log.maintain()
        #expect(try await log.bounds(t)[0] == PartitionBounds(partition: place, earliest: 60, end: 101))
        await log.close()
    }

    func ageRetention() async throws {
        guard let clock = harness.clock else { return }
        let log = try await harness.open()
        guard log.abilities.contains(.maintainsItself) else { return await log.close() }
        try await log.ensure([topic(t, 1, .age(.seconds(10)))])
        _ = try await log.append([value("old")])
        clock.advance(by: .seconds(8))
        _ = try await log.append([value("young")])
        clock.advance(by: .seconds(4))
        try await log.maintain()
        #expect(try await all(log, t).map(text) == ["young"])
        await log.close()
    }

    func compaction() async throws {
        let log = try await harness.open()
        guard log.abilities.contains(.maintainsItself), let clock = harness.clock else { return await log.close() }
        try await log.ensure([topic(t, 1, .compact)])
        func set(_ key: String, _ value: String?) -> AppendRequest {
            AppendRequest(
                topic: t, partitioning: .partition(0),
                record: LogRecord(key: Array(key.utf8), value: value.map { Array($0.utf8) }))
        }
        _ = try await log.append([
            set("a", "1"), set("b", "1"), set("a", "2"), set("c", "1"), set("c", nil), set("b", "2"),
        ])
        try await log.maintain()
        #expect(try await all(log, t).map { text($0) } == ["2", "", "2"])
        clock.advance(by: .milliseconds(2 * 86_400_000))
        try await log.maintain()
        #expect(try await all(log, t).map { text($0) } == ["2", "2"])
        // A group reads past the gaps, which count as finished.
        let session = try await log.openSession([Subscription(group: g, topic: t)])
        await session.grant(10)
        let deliveries = try await take(2, session)
        #expect(deliveries.map { text($0.stored) } == ["2", "2"])
        _ = try await session.settlePatiently(finish(deliveries))
        #expect(try await position(log)?.frontier == 6)
        await log.close()
    }

    func nullAndEmpty() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t)])
        let records = [
            LogRecord(key: nil, value: nil), LogRecord(key: [], value: []),
            LogRecord(key: [0], value: [0], headers: [LogHeader("", nil), LogHeader("a", [])]),
        ]
        _ = try await log.append(records.map { AppendRequest(topic: t, partitioning: .partition(0), record: $0) })
        #expect(try await all(log, t).map(\.record) == records)
        await log.close()
    }

    func largeRecords() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t)])
        let large = (0..<900 * 1_024).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        _ = try await log.append([
            AppendRequest(topic: t, partitioning: .partition(0), record: LogRecord(value: large))
        ])
        await #expect(throws: LogError.self) {
            let tooLarge = [UInt8](repeating: 1, count: 3 << 20)
            _ = try await log.append([
                AppendRequest(topic: t, partitioning: .partition(0), record: LogRecord(value: tooLarge))
            ])
        }
        let next = try await harness.crash(log)
        #expect(try await all(next, t).map(\.record.value) == [large])
        await next.close()
    }

    func binaryHeaders() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t)])
        let record = LogRecord(
            key: [0xff, 0x00, 0x80], value: [0x00, 0xff],
            headers: [
                LogHeader("bytes", (0...255).map { UInt8($0) }), LogHeader("näme", text: "wert\n"),
                LogHeader("twice", [1]), LogHeader("twice", [2]),
            ])
        _ = try await log.append([AppendRequest(topic: t, partitioning: .hash([1]), record: record)])
        let read = try await all(log, t).map(\.record)
        #expect(read == [record])
        #expect(read[0].header("twice")?.value == [2])
        await log.close()
    }

    func fiftyThousand() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t, 3)])
        for start in stride(from: 0, to: 50_000, by: 1_000) {
            _ = try await log.append((start..<start + 1_000).map { value("\($0)", partition: $0 % 3) })
        }
        let session = try await log.openSession([Subscription(group: g, topic: t)])
        await session.grant(50_000)
        var seen = Set<String>()
        while seen.count < 50_000 {
            let deliveries = try await take(1, session)
            for delivery in deliveries { #expect(seen.insert(text(delivery.stored)).inserted) }
            _ = try await session.settlePatiently(finish(deliveries))
        }
        let positions = try await log.positions(of: g)
        #expect(positions.values.map(\.frontier).reduce(0, +) == 50_000)
        await log.close()
    }

    func changesAreTold() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t)])
        let changes = await log.changes()
        _ = try await log.append([value("a")])
        _ = try await log.append([value("b")])
        let told = try await within(300, "a change") {
            for await _ in changes { return true }
            return false
        }
        #expect(told)
        await log.close()
    }

    /// Each follower of a partition makes progress, regardless of the others' offsets.
    func followersShareAPartition() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t, 1)])
        _ = try await log.append((0..<20).map { value("\($0)") })
        let place = TopicPartition(topic: t, partition: 0)
        var changes = await log.changes().makeAsyncIterator()
        var next: [Int64] = [0, 5, 20]
        var seen: [[String]] = [[], [], []]
        for round in 0..<3 {
            // A recent append may arrive only with the next change; a few changes suffice.
            for turn in 0..<20 where next.contains(where: { $0 < Int64(20 + round) }) {
                if turn > 0 { _ = await changes.next() }
                for index in next.indices {
                    next[index] = try await log.follow(place, from: next[index]) { records in
                        seen[index] += records.map(text)
                    }
                }
            }
            _ = try await log.append([value("\(20 + round)")])
        }
        #expect(seen[0] == (0..<22).map(String.init))
        #expect(seen[1] == (5..<22).map(String.init))
        #expect(seen[2] == (20..<22).map(String.init))
        await log.close()
    }

    func unknownTopic() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t, 2)])
        await #expect(throws: LogError.unknownTopic(nowhere)) {
            _ = try await log.append([value("a", to: nowhere)])
        }
        await #expect(throws: LogError.self) { _ = try await log.append([value("a", partition: 7)]) }
        await #expect(throws: LogError.self) { try await log.ensure([topic(t, 3)]) }
        #expect(try await log.topics().map(\.name) == [t])
        await log.close()
    }
}
