internal import BackhaulLog
internal import BackhaulTestKit
internal import BackhaulUnits
internal import Synchronization
internal import Testing

/// Checks of groups: positions, settlement, assignment, back-pressure, delays.
extension LogConformance {
    func groupPositions() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t, 1, .untilRead(by: [g, h], atLeast: .zero))])
        _ = try await log.append((0..<10).map { value("\($0)") })
        let session = try await log.openSession([Subscription(group: g, topic: t)])
        await session.grant(100)
        let deliveries = try await take(10, session)
        #expect(deliveries.map { text($0.stored) } == (0..<10).map(String.init))
        #expect(
            try await session.settlePatiently(finish(Array(deliveries.prefix(4))))
                == Array(repeating: .settled, count: 4))
        #expect(try await position(log) == GroupPosition(frontier: 4))
        #expect(try await position(log, h) == GroupPosition(frontier: 0), "another group's position is its own")
        let next = try await harness.crash(log)
        let again = try await next.openSession([Subscription(group: g, topic: t)])
        await again.grant(100)
        #expect(try await take(6, again).map { text($0.stored) } == (4..<10).map(String.init))
        await next.close()
    }

    func settleMovesAndAppends() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t), topic(out)])
        _ = try await log.append((0..<3).map { value("\($0)") })
        let session = try await log.openSession([Subscription(group: g, topic: t)])
        await session.grant(3)
        let deliveries = try await take(3, session)
        _ = try await session.settlePatiently(
            finish(Array(deliveries[0...1]), [value("x", to: out), value("y", to: out)]))
        #expect(try await all(log, out).map(text) == ["x", "y"])
        // Once finished, a delivery cannot be settled again.
        let repeated = try await session.settlePatiently(finish([deliveries[0]], [value("z", to: out)]))
        #expect(repeated == [.dropped])
        #expect(try await all(log, out).count == 2)
        await log.close()
    }

    /// A commit that fails at any step leaves nothing behind and succeeds when it is sent again.
    func settleIsAllOrNothing() async throws {
        var log = try await harness.open()
        try await log.ensure([topic(t), topic(out)])
        for (round, point) in harness.failPoints.enumerated() {
            for after in 0..<2 {
                let sent = try await log.append([value("a"), value("b")])
                let session = try await log.openSession([Subscription(group: g, topic: t)])
                await session.grant(2)
                let deliveries = try await take(2, session)
                #expect(deliveries.map(\.stored.position) == sent.map(\.position))
                let units = finish(deliveries, [value("x", to: out), value("y", to: out)])
                let before = try await all(log, out).count
                let stood = try await position(log)
                harness.arm(point, after: after)
                let failed = await (try? session.settle(units)) == nil
                harness.disarm()
                // The last point is passed only once, so nothing fails there the second time.
                guard failed else {
                    #expect(after > 0, "\(point) never fired")
                    await session.close()
                    continue
                }
                #expect(try await all(log, out).count == before, "round \(round), \(point)")
                #expect(try await position(log) == stood)
                // Either the same process sends the same decisions again, or it dies and the next one finds all or
                // nothing.
                if after == 0 {
                    #expect(try await session.settlePatiently(units) == [.settled, .settled])
                    await session.close()
                } else {
                    log = try await harness.crash(log)
                    #expect(try await position(log) == stood)
                    let next = try await log.openSession([Subscription(group: g, topic: t)])
                    await next.grant(2)
                    _ = try await next.settlePatiently(
                        finish(try await take(2, next), [value("x", to: out), value("y", to: out)]))
                    await next.close()
                }
                #expect(try await all(log, out).count == before + 2)
            }
        }
        await log.close()
    }

    func finishedMapSurvives() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t)])
        _ = try await log.append((0..<5_001).map { value("\($0)") })
        let session = try await log.openSession([Subscription(group: g, topic: t)])
        await session.grant(5_001)
        let deliveries = try await take(5_001, session)
        let stuck = Set([0, 17, 4_000])
        _ = try await session.settlePatiently(
            finish(deliveries.filter { !stuck.contains(Int($0.stored.position.offset)) }))
        #expect(try await position(log)?.frontier == 0)
        let next = try await harness.crash(log)
        _ = try await next.append([value("new")])
        let again = try await next.openSession([Subscription(group: g, topic: t)])
        await again.grant(10)
        #expect(try await take(4, again).map { text($0.stored) } == ["0", "17", "4000", "new"])
        await next.close()
    }

    func checkpointKeepsDelivery() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t), topic(out)])
        _ = try await log.append([value("a")])
        let session = try await log.openSession([Subscription(group: g, topic: t)])
        await session.grant(1)
        let delivery = try await take(1, session)[0]
        let checkpoint = SettleUnit(delivery: delivery.reference, finishes: false, appends: [value("mark", to: out)])
        #expect(try await session.settlePatiently([checkpoint]) == [.settled])
        #expect(try await position(log)?.frontier == 0)
        #expect(try await all(log, out).map(text) == ["mark"])
        #expect(try await session.settlePatiently(finish([delivery])) == [.settled])
        #expect(try await position(log)?.frontier == 1)
        await log.close()
    }

    func revocationIsHeld() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t, 2)])
        // A broker may evict a member midway, especially on a busy machine. Then its decisions must be dropped, and
        // the check is retried.
        for attempt in 1...5 {
            if try await holdsRevocation(log, attempt) { return await log.close() }
        }
        Issue.record("the member was evicted from its group five times")
        await log.close()
    }

    private func holdsRevocation(_ log: any MessageLog, _ attempt: Int) async throws -> Bool {
        _ = try await log.append((0..<2).map { value("\($0)", partition: $0) })
        let first = try await log.openSession([Subscription(group: g, topic: t)])
        await first.grant(10)
        let deliveries = try await take(2 * attempt, first)
        let second = try await log.openSession([Subscription(group: g, topic: t)])
        await second.grant(10)
        let revocation = try await revocation(first, beside: second)
        #expect(revocation.partitions.count == 1)
        // During the hold, deliveries in progress can still be settled, and the other member gets none of them.
        let given = deliveries.filter { revocation.partitions.contains($0.stored.position.partition) }
        let outcomes = try await first.settlePatiently(finish(given))
        guard outcomes.allSatisfy({ $0 == .settled }) else {
            await first.close()
            await second.close()
            return false
        }
        try await first.release(revocation)
        let assigned = try await within(300, "an assignment") {
            while let event = try await second.next() {
                if case .assigned(let assigned) = event, !assigned.isEmpty { return assigned }
            }
            throw LogError.closed
        }
        #expect(assigned.map(\.partition) == revocation.partitions)
        #expect(
            assigned.first?.position.frontier == Int64(attempt),
            "the next owner starts after what was settled during the hold")
        return true
    }

    /// The revocation that `first` gets because `second` joined. Reads the events of `second` meanwhile: on Kafka,
    /// its first assignment is empty.
    private func revocation(_ first: any LogSession, beside second: any LogSession) async throws -> Revocation {
        try await within(300, "a revocation") {
            try await withThrowingTaskGroup(of: Revocation?.self) { group in
                group.addTask {
                    while let event = try await first.next() {
                        if case .revoking(let revocation) = event { return revocation }
                    }
                    throw LogError.closed
                }
                group.addTask {
                    // Reads the first event; cancelled as soon as the revocation arrives.
                    _ = try? await second.next()
                    return nil
                }
                while let found = try await group.next() {
                    guard let found else { continue }
                    group.cancelAll()
                    return found
                }
                throw LogError.closed
            }
        }
    }

    func droppedAfterRelease() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t, 2), topic(out)])
        _ = try await log.append((0..<2).map { value("\($0)", partition: $0) })
        let first = try await log.openSession([Subscription(group: g, topic: t)])
        await first.grant(10)
        let deliveries = try await take(2, first)
        let second = try await log.openSession([Subscription(group: g, topic: t)])
        await second.grant(10)
        let revocation = try await revocation(first, beside: second)
        try await first.release(revocation)
        let given = deliveries.filter { revocation.partitions.contains($0.stored.position.partition) }
        #expect(try await first.settlePatiently(finish(given, [value("late", to: out)])) == [.dropped])
        #expect(try await all(log, out).isEmpty)
        #expect(try await take(1, second).map(\.stored) == given.map(\.stored), "the new owner gets it again")
        await log.close()
    }

    /// A read that is cancelled at any moment, also while an assignment is answered, loses neither partitions nor
    /// records.
    func cancelledReads() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t, 4)])
        let values = (0..<400).map { "\($0)" }
        _ = try await log.append(values.enumerated().map { value($1, partition: $0 % 4) })
        let session = try await log.openSession([Subscription(group: g, topic: t)])
        await session.grant(values.count)
        var received: [String] = []
        var numbers = SeededNumbers(seed: 11)
        for _ in 0..<60 {
            let reader = Task {
                var texts: [String] = []
                do {
                    while let event = try await session.next() {
                        if case .delivered(let deliveries) = event { texts += deliveries.map { text($0.stored) } }
                    }
                } catch is CancellationError {}
                return texts
            }
            try await Task.sleep(for: .microseconds(.random(in: 0...3_000, using: &numbers)))
            reader.cancel()
            received += try await reader.value
        }
        let left = values.count - received.count
        if left > 0 { received += try await take(left, session).map { text($0.stored) } }
        #expect(Set(received) == Set(values) && received.count == values.count)
        await log.close()
    }

    func delayedRecords() async throws {
        guard let clock = harness.clock else { return try await delayedRecordsInRealTime() }
        let log = try await harness.open()
        try await log.ensure([topic(t)])
        _ = try await log.append([value("a")])
        clock.advance(by: .seconds(4))
        _ = try await log.append([value("b")])
        let session = try await log.openSession([Subscription(group: g, topic: t, delay: .seconds(10))])
        await session.grant(10)
        clock.advance(by: .milliseconds(5_999))
        let early = try? await within(0.3, "nothing is due") { try await take(1, session) }
        #expect(early == nil)
        clock.advance(by: .milliseconds(1))
        #expect(try await take(1, session).map { text($0.stored) } == ["a"])
        let second = Task { try await take(1, session) }
        clock.advance(by: .seconds(4))
        #expect(try await second.value.map { text($0.stored) } == ["b"])
        await log.close()
    }

    private func delayedRecordsInRealTime() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t)])
        let session = try await log.openSession([Subscription(group: g, topic: t, delay: .seconds(3))])
        await session.grant(10)
        _ = try await log.append([value("a")])
        try await Task.sleep(for: .milliseconds(1_500))
        _ = try await log.append([value("b")])
        for expected in ["a", "b"] {
            let delivery = try await take(1, session)[0]
            #expect(text(delivery.stored) == expected)
            let waited = SystemLogClock().now - delivery.stored.appendedAt
            #expect(waited >= .milliseconds(2_990), "delivered \(waited) after its append")
        }
        await log.close()
    }

    func spanIsCapped() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t)])
        let total = Int(OffsetLedger.maximumSpan) + 2_000
        for start in stride(from: 0, to: total, by: 1_000) {
            _ = try await log.append((start..<start + 1_000).map { value("\($0)") })
        }
        let session = try await log.openSession([Subscription(group: g, topic: t)])
        await session.grant(total)
        var head: Delivery?
        var count = 0
        var blocked: DeliveryReference?
        while blocked == nil {
            switch try await within(300, "deliveries up to the cap", { try await session.next() }) {
            case .delivered(let deliveries):
                count += deliveries.count
                if head == nil { head = deliveries[0] }
                _ = try await session.settlePatiently(finish(deliveries.filter { $0 != head }))
            case .blocked(let reference): blocked = reference
            default: continue
            }
        }
        #expect(count == Int(OffsetLedger.maximumSpan))
        #expect(blocked == head?.reference)
        #expect(try await position(log)?.map.utf8.count ?? 0 <= 4_000)
        _ = try await session.settlePatiently(finish([try #require(head)]))
        #expect(try await take(2_000, session).count == 2_000, "intake continues once the head is finished")
        await log.close()
    }

    func creditsBound() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t, 4)])
        _ = try await log.append((0..<100).map { value("\($0)", partition: $0 % 4) })
        let session = try await log.openSession([Subscription(group: g, topic: t)])
        await session.grant(7)
        #expect(try await take(7, session).count == 7)
        let more = try? await within(0.3, "nothing was granted") { try await take(1, session) }
        #expect(more == nil)
        await session.grant(93)
        #expect(try await take(93, session).count == 93)
        await log.close()
    }

    func settleAcrossGroups() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t), topic(d, 1, .untilRead(by: [later], atLeast: .zero)), topic(out)])
        _ = try await log.append([value("now"), value("then", to: d)])
        let session = try await log.openSession([
            Subscription(group: g, topic: t), Subscription(group: later, topic: d),
        ])
        await session.grant(2)
        let deliveries = try await take(2, session)
        #expect(Set(deliveries.map(\.reference.group)) == [g, later])
        _ = try await session.settlePatiently(finish(deliveries, [value("x", to: out)]))
        #expect(try await position(log)?.frontier == 1)
        #expect(try await position(log, later, d)?.frontier == 1)
        await log.close()
    }

    /// Two topics with as many partitions as a fleet may have (256): each is delivered, settled, followed and watched.
    func manyPartitions() async throws {
        let log = try await harness.open()
        let many = harness.manyPartitions
        let places = [t, u].flatMap { name in (0..<many).map { TopicPartition(topic: name, partition: $0) } }
        try await log.ensure([topic(t, many), topic(u, many)])
        func append(_ text: String) async throws {
            _ = try await log.append(places.map { value(text, to: $0.topic, partition: $0.partition) })
        }
        var changes = await log.changes().makeAsyncIterator()
        var followed: [TopicPartition: (next: Int64, texts: [String])] = [:]
        try await append("a")
        let session = try await log.openSession([
            Subscription(group: g, topic: t), Subscription(group: g, topic: u),
        ])
        await session.grant(2_000)
        try await log.watch(Dictionary(uniqueKeysWithValues: places.map { ($0, 0) }))
        for (round, text) in ["a", "b"].enumerated() {
            if round > 0 { try await append(text) }
            let taken = try await take(places.count, session)
            #expect(taken.map(\.stored.position.partition).sorted() == places.sorted())
            #expect(taken.allSatisfy { self.text($0.stored) == text })
            _ = try await session.settlePatiently(finish(taken))
            while true {
                for place in places {
                    var known = followed[place] ?? (0, [])
                    known.next = try await log.follow(place, from: known.next) { records in
                        known.texts += records.map(self.text)
                    }
                    followed[place] = known
                }
                if followed.values.allSatisfy({ $0.texts.count > round }) { break }
                _ = await changes.next()
            }
        }
        #expect(followed.values.allSatisfy { $0.texts == ["a", "b"] })
        let positions = try await log.positions(of: g)
        #expect(places.allSatisfy { positions[$0]?.frontier == 2 })
        await log.close()
    }

    /// Members that share two topics settle every record.
    func evenShares() async throws {
        let log = try await harness.open()
        try await log.ensure([topic(t, 8), topic(u, 8)])
        let members = try await withThrowingTaskGroup(of: (any LogSession).self) { group in
            for _ in 0..<harness.members {
                group.addTask {
                    try await log.openSession([
                        Subscription(group: g, topic: t), Subscription(group: g, topic: u),
                    ])
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        _ = try await log.append((0..<800).map { value("\($0)", to: $0 % 2 == 0 ? t : u, partition: $0 / 2 % 8) })
        for member in members { await member.grant(1_000) }
        let counts = Counter()
        try await within(300, "800 records by \(harness.members) members") {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, member) in members.enumerated() {
                    group.addTask {
                        while let event = try await member.next() {
                            switch event {
                            case .delivered(let deliveries):
                                _ = try await member.settlePatiently(finish(deliveries))
                                if await counts.add(deliveries.count, to: index) == 800 {
                                    for other in members { await other.close() }
                                }
                            case .revoking(let revocation): try await member.release(revocation)
                            default: continue
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        let frontiers = try await log.positions(of: g).values.map(\.frontier).reduce(0, +)
        #expect(frontiers == 800)
        await log.close()
    }
}

private actor Counter {
    private var counts: [Int: Int] = [:]

    func add(_ count: Int, to member: Int) -> Int {
        counts[member, default: 0] += count
        return counts.values.reduce(0, +)
    }
}
