import BackhaulLog
import BackhaulTestKit
import Testing

/// A log that permanently refuses some records, and with them the whole settlement.
private actor RefusingLog: LogSession {
    private let refused: Set<String>
    private(set) var taken: [SettleUnit] = []
    private(set) var calls = 0

    init(refusing refused: Set<String>) { self.refused = refused }

    func settle(_ units: [SettleUnit]) throws -> [SettleOutcome] {
        calls += 1
        for request in units.flatMap(\.appends) where refused.contains(request.topic) {
            throw LogError.recordRefused(request.topic)
        }
        taken += units
        return units.map { _ in .settled }
    }

    func next() -> SessionEvent? { nil }
    func grant(_ records: Int) {}
    func release(_ revocation: Revocation) {}
    func close() {}
}

@Suite("Refused settlements")
struct RefusalsTests {
    private func unit(_ offset: Int, to topics: [String]) -> SettleUnit {
        let place = TopicPartition(topic: "t", partition: 0)
        return SettleUnit(
            delivery: DeliveryReference(
                group: "g", position: LogPosition(partition: place, offset: Int64(offset)), epoch: 1),
            finishes: true,
            appends: topics.map {
                AppendRequest(topic: $0, partitioning: .partition(0), record: LogRecord(value: [UInt8(offset & 255)]))
            })
    }

    /// Every unit is settled once and in order, a refused one by its substitute, in a logarithmic number of calls each.
    @Test(arguments: 0..<200)
    func refusedUnitsDoNotBlockOthers(seed: Int) async throws {
        var random = SeededNumbers(seed: UInt64(seed))
        let count = Int.random(in: 1...300, using: &random)
        // For some, the dead letter is refused too.
        let bad = (0..<count).map { _ in Int.random(in: 0..<40, using: &random) }
        let log = RefusingLog(refusing: ["big", "letters-refused"])
        let units = (0..<count).map { unit($0, to: bad[$0] < 2 ? ["out", "big"] : ["out"]) }
        let outcomes = try await log.settleEach(units) { part in
            try await log.settle(part)
        } substitute: { refused, _, refusals in
            let number = Int(refused.delivery.position.offset)
            #expect(bad[number] < 2, "\(number) is not refused")
            if refusals == 1 { return unit(number, to: [bad[number] == 0 ? "letters" : "letters-refused"]) }
            return unit(number, to: [])
        }
        #expect(outcomes == [SettleOutcome](repeating: .settled, count: count))
        let taken = await log.taken
        #expect(taken.map { Int($0.delivery.position.offset) } == Array(0..<count), "seed \(seed)")
        for (number, unit) in taken.enumerated() {
            let topics = bad[number] == 0 ? ["letters"] : bad[number] == 1 ? [] : ["out"]
            #expect(unit.appends.map(\.topic) == topics, "seed \(seed), \(number)")
        }
        let refused = bad.count { $0 < 2 }
        #expect(await log.calls <= 1 + refused * (2 * 9 + 2), "seed \(seed)")
    }

    /// Transient errors and a closed log are not caused by a record.
    @Test func otherErrorsAreRethrown() async throws {
        let log = RefusingLog(refusing: [])
        var calls = 0
        await #expect(throws: LogError.closed) {
            _ = try await log.settleEach([unit(0, to: []), unit(1, to: [])]) { _ in
                calls += 1
                throw LogError.closed
            } substitute: { _, _, _ in
                nil
            }
        }
        #expect(calls == 1)
    }

    @Test func refusalWithoutSubstituteIsRethrown() async throws {
        let log = RefusingLog(refusing: ["big"])
        await #expect(throws: LogError.recordRefused("big")) {
            _ = try await log.settleEach([unit(0, to: ["out"]), unit(1, to: ["big"])]) { part in
                try await log.settle(part)
            } substitute: { _, _, _ in
                nil
            }
        }
    }
}
