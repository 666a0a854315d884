import BackhaulLog
import BackhaulTestKit
import Testing

@Suite("Offset ledger")
struct OffsetLedgerTests {
    /// Compares random deliveries, gaps, finishes and restarts with a plain set.
    @Test(arguments: 0..<200)
    func ledgerMatchesSetModel(seed: Int) throws {
        var numbers = SeededNumbers(seed: UInt64(seed))
        let start = Int64.random(in: 0..<1_000, using: &numbers)
        var ledger = OffsetLedger(GroupPosition(frontier: start))
        var finished = Set<Int64>()
        var outstanding = Set<Int64>()
        var position = start
        for _ in 0..<600 {
            switch Int.random(in: 0..<10, using: &numbers) {
            case 0..<4:
                let offset = position + (Bool.random(using: &numbers) ? 0 : Int64.random(in: 0..<40, using: &numbers))
                for skipped in position..<offset { finished.insert(skipped) }
                let isNew = !finished.contains(offset)
                let delivered = ledger.deliver(offset)
                #expect(delivered == isNew, "seed \(seed)")
                if isNew { outstanding.insert(offset) }
                position = offset + 1
            case 4..<8:
                guard let offset = outstanding.sorted().randomElement(using: &numbers) else { continue }
                let first = ledger.finish(offset)
                let second = ledger.finish(offset)
                #expect(first && !second, "finishing twice changes nothing")
                outstanding.remove(offset)
                finished.insert(offset)
            case 8:
                let end = position + Int64.random(in: 0..<20, using: &numbers)
                for skipped in position..<end { finished.insert(skipped) }
                ledger.advance(to: end)
                position = max(position, end)
            default:
                // After a restart, only the committed position remains; outstanding records are delivered again.
                let text = ledger.groupPosition
                #expect(text.map.utf8.count <= 4_096)
                let old = ledger
                ledger = OffsetLedger(text)
                #expect(ledger.frontier == old.frontier)
                position = ledger.frontier
                outstanding = []
            }
            var frontier = start
            while finished.contains(frontier) { frontier += 1 }
            position = max(position, frontier)
            #expect(ledger.frontier == frontier, "seed \(seed)")
            #expect(ledger.outstanding == outstanding.count, "seed \(seed)")
            for offset in (frontier - 3)..<(position + 3) {
                let expected = offset < frontier || finished.contains(offset)
                #expect(ledger.isFinished(offset) == expected, "seed \(seed), offset \(offset)")
            }
        }
    }

    @Test func worstCaseMapFitsKafkaMetadataLimit() throws {
        var ledger = OffsetLedger(GroupPosition(frontier: 0))
        for offset in 0..<OffsetLedger.maximumSpan {
            let delivered = ledger.deliver(offset)
            #expect(delivered)
            if offset % 2 == 1 { ledger.finish(offset) }
        }
        #expect(ledger.isFull())
        let position = ledger.groupPosition
        #expect(position.frontier == 0)
        #expect(position.map.utf8.count <= 4_096)
        #expect(!position.map.utf8.contains(0))
        let read = OffsetLedger(position)
        for offset in 0..<OffsetLedger.maximumSpan { #expect(read.isFinished(offset) == (offset % 2 == 1)) }
    }

    @Test func finishedMapIsRunLengthEncoded() throws {
        var ledger = OffsetLedger(GroupPosition(frontier: 10))
        for offset in Int64(10)..<5_011 { _ = ledger.deliver(offset) }
        for offset in Int64(11)..<5_011 { ledger.finish(offset) }
        #expect(ledger.groupPosition == GroupPosition(frontier: 10, map: "1r1,5000"))
    }

    @Test func longGapAdvancesFrontier() throws {
        var ledger = OffsetLedger(GroupPosition(frontier: 0))
        let delivered = ledger.deliver(1_000_000_000_000)
        #expect(delivered)
        #expect(ledger.frontier == 1_000_000_000_000)
        #expect(ledger.mustWait(for: 1_000_000_050_000))
        ledger.finish(1_000_000_000_000)
        #expect(!ledger.mustWait(for: 1_000_000_050_000))
    }

    @Test(arguments: ["x", "1", "2r1,1", "1r-1", "1r1,x", "1r99999999999999999999", "1b!", "1r1,,1"])
    func malformedMapIsRefused(_ text: String) {
        #expect(throws: LogError.self) { try FinishedMap(text: text, frontier: 0) }
    }

    /// Every owner can read a written position with an unfinished head and any number of offsets without records
    /// after it (aborted transactions).
    @Test(arguments: [1, 63, 20_000, 20_001, 65_535, 65_536, 65_537, 70_001, 5_000_000, 1 << 40] as [Int64])
    func gapAfterUnfinishedHeadRoundTrips(end: Int64) throws {
        var ledger = OffsetLedger(GroupPosition(frontier: 0))
        let isNew = ledger.deliver(0)
        #expect(isNew)
        ledger.advance(to: end)
        let written = ledger.groupPosition
        #expect(written.isReadable && written.map.utf8.count <= 4_096)
        var read = OffsetLedger(written)
        #expect(read.frontier == 0)
        #expect(!read.isFinished(0) && (end == 1 || read.isFinished(min(end, OffsetLedger.maximumSpan) - 1)))
        // Once the head is finished, the next `advance` passes the rest of the gap.
        let isAgain = read.deliver(0)
        #expect(isAgain)
        read.finish(0)
        read.advance(to: end)
        #expect(read.frontier == end)
        ledger.finish(0)
        ledger.advance(to: end)
        #expect(ledger.frontier == end)
    }

    /// A position that another program wrote never traps; offsets that the map cannot express are delivered again.
    @Test(arguments: 0..<400)
    func arbitraryPositionNeverTraps(seed: Int) {
        var numbers = SeededNumbers(seed: UInt64(seed))
        let frontiers: [Int64] = [.min, -1, 0, 1, 65_536, 1 << 40, .max - 1, .max]
        let alphabet = Array("1rb,0123456789-_xAZ@ \u{301}".unicodeScalars)
        var text = ["", "1r", "1b", "1r0,70000", "1r9223372036854775807,1", "2b"].randomElement(using: &numbers) ?? ""
        for _ in 0..<Int.random(in: 0..<40, using: &numbers) {
            text.unicodeScalars.append(alphabet.randomElement(using: &numbers) ?? "1")
        }
        let frontier = frontiers.randomElement(using: &numbers) ?? 0
        var ledger = OffsetLedger(GroupPosition(frontier: frontier, map: text))
        for _ in 0..<20 {
            let offset =
                (frontiers + [ledger.frontier, ledger.position, ledger.position &+ 100])
                .randomElement(using: &numbers) ?? 0
            switch Int.random(in: 0..<5, using: &numbers) {
            case 0: _ = ledger.deliver(offset)
            case 1: _ = ledger.finish(offset)
            case 2: ledger.finishAhead(offset)
            case 3: ledger.advance(to: offset)
            default: _ = ledger.mustWait(for: offset)
            }
            #expect(ledger.groupPosition.isReadable, "seed \(seed)")
        }
    }

    /// Reference values of Apache Kafka's UtilsTest.testMurmur2.
    @Test func murmur2MatchesKafka() {
        let cases: [(String, Int32)] = [
            ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ]
        for (text, hash) in cases {
            #expect(Partitioner.murmur2(Array(text.utf8)) == UInt32(bitPattern: hash))
        }
    }
}
