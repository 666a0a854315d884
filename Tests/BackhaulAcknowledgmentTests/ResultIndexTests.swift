import BackhaulDomain
import BackhaulTestKit
import Foundation
import Testing

@testable import BackhaulAcknowledgment

@Suite("The index of results")
struct ResultIndexTests {
    private static func task(_ number: Int) -> TaskGeneration {
        TaskGeneration(identity: TaskIdentity(tenant: "t", id: "id-\(number)"), generation: number % 3)
    }

    private struct SeededNumbers: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return z ^ z >> 31
        }
    }

    /// Pages, own results, truncations, runs, merges, orderly ends and kills, against a model that is a plain dictionary.
    @Test(arguments: 0..<60)
    func agreesWithAPlainDictionary(seed: Int) async throws {
        try await withTemporaryFolder { folder in
            var numbers = SeededNumbers(state: UInt64(seed))
            var index = ResultIndex(folder: folder, number: 3, most: 20)
            // The log: one result an offset.
            var log: [(task: TaskGeneration, isCancel: Bool)] = []
            var earliest: Int64 = 0
            var held: [TaskGeneration: Int64] = [:]
            for _ in 0..<200 {
                switch Int.random(in: 0..<10, using: &numbers) {
                case 0..<5:
                    let task = Self.task(Int.random(in: 0..<400, using: &numbers))
                    // An acknowledger writes no second result while the log holds one.
                    guard held[task] ?? -1 < earliest else { continue }
                    let isCancel = Bool.random(using: &numbers)
                    index.insert(
                        task, at: Bool.random(using: &numbers) ? Int64(log.count) : nil, isCancel: isCancel)
                    held[task] = Int64(log.count)
                    log.append((task, isCancel))
                case 5..<7:
                    let from = index.next
                    let next = min(from + 7, Int64(log.count))
                    guard from < next else { continue }
                    let page = (from..<next).map {
                        (task: log[Int($0)].task, offset: $0, isCancel: log[Int($0)].isCancel)
                    }
                    #expect(index.take(page, from: from, next: next))
                case 7: try index.tidy()
                case 8:
                    earliest = Int64.random(in: earliest...Int64(log.count), using: &numbers)
                    index.forget(before: earliest)
                default:
                    if Bool.random(using: &numbers) { try index.tidy(isLast: true) }
                    // The next process: what only memory had is read from the log.
                    index = ResultIndex(folder: folder, number: 3, most: 20)
                    index.forget(before: earliest)
                    if index.next < Int64(log.count) {
                        let page = (index.next..<Int64(log.count)).map {
                            (task: log[Int($0)].task, offset: $0, isCancel: log[Int($0)].isCancel)
                        }
                        #expect(index.take(page, from: index.next, next: Int64(log.count)))
                    }
                }
                let task = Self.task(Int.random(in: 0..<400, using: &numbers))
                let isHeld = held[task].map { $0 >= earliest } ?? false
                let found = index.find(task)
                // A result whose place is not known yet may count as held for longer, never for shorter.
                #expect(!isHeld || found != nil, "seed \(seed)")
                if let found, let offset = held[task] {
                    #expect(found.isCancel == log[Int(offset)].isCancel || found.offset != offset, "seed \(seed)")
                } else if found != nil {
                    Issue.record("seed \(seed): \(task) was never recorded")
                }
            }
        }
    }

    @Test func aDamagedIndexIsMadeAgain() async throws {
        try await withTemporaryFolder { folder in
            let index = ResultIndex(folder: folder, number: 0, most: 10)
            let page = (0..<100).map { (task: Self.task($0), offset: Int64($0), isCancel: false) }
            _ = index.take(page, from: 0, next: 100)
            try index.tidy(isLast: true)
            #expect(ResultIndex(folder: folder, number: 0).next == 100)
            let runs = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("0-") }
            let run = try #require(runs.first)
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/" + run))
            try handle.truncate(atOffset: 7)
            #expect(ResultIndex(folder: folder, number: 0).next == 0)
        }
    }

    @Test func memoryDoesNotGrowWithWhatIsKept() async throws {
        try await withTemporaryFolder { folder in
            let index = ResultIndex(folder: folder, number: 0, most: 1_000)
            for start in stride(from: 0, to: 100_000, by: 1_000) {
                let page = (start..<start + 1_000).map {
                    (task: Self.task($0), offset: Int64($0), isCancel: $0 % 7 == 0)
                }
                _ = index.take(page, from: Int64(start), next: Int64(start + 1_000))
                try index.tidy()
            }
            #expect(index.count == 100_000)
            for number in stride(from: 0, to: 100_000, by: 997) {
                let found = index.find(Self.task(number))
                #expect(found?.offset == Int64(number) && found?.isCancel == (number % 7 == 0))
            }
            #expect(index.find(Self.task(100_001)) == nil)
            // Runs of like size are merged: there are few, however many were written.
            let runs = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("0-") }
            #expect(runs.count <= 12, "\(runs)")
        }
    }
}
