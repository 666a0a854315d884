import BackhaulDomain
import BackhaulRecords
import BackhaulTestKit
import Foundation
import Testing

@testable import BackhaulAcknowledgment

@Suite("Result index")
struct ResultIndexTests {
    private static func task(_ number: Int) -> TaskGeneration {
        TaskGeneration(identity: TaskIdentity(tenant: "t", id: "id-\(number)"), generation: number % 3)
    }

    /// Compares pages, own results, truncations, runs, merges, clean stops and kills with a plain dictionary.
    @Test(arguments: 0..<60)
    func indexMatchesDictionaryModel(seed: Int) async throws {
        try await withTemporaryFolder { folder in
            var numbers = SeededNumbers(seed: UInt64(seed))
            let isKept = seed % 3 > 0
            var index = ResultIndex(folder: folder, number: 3, isKept: isKept, most: 20)
            // The log: one result per offset.
            var log: [(task: TaskGeneration, isCancel: Bool)] = []
            var earliest: Int64 = 0
            var held: [TaskGeneration: Int64] = [:]
            for _ in 0..<200 {
                switch Int.random(in: 0..<11, using: &numbers) {
                case 0..<5:
                    let task = Self.task(Int.random(in: 0..<400, using: &numbers))
                    // An acknowledger does not write a second result while the log holds one.
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
                        IndexedResult(task: log[Int($0)].task, offset: $0, isCancel: log[Int($0)].isCancel)
                    }
                    #expect(index.take(page, from: from, next: next))
                case 7: try index.tidy()
                case 10: index.place(index.unplaced, before: Int64(log.count))
                case 8:
                    earliest = Int64.random(in: earliest...Int64(log.count), using: &numbers)
                    index.forget(before: earliest)
                default:
                    if Bool.random(using: &numbers) { try index.tidy(isLast: true) }
                    // The next process reads from the log what only memory held.
                    index = ResultIndex(folder: folder, number: 3, isKept: isKept, most: 20)
                    #expect(isKept || index.next == 0)
                    index.forget(before: earliest)
                    if index.next < Int64(log.count) {
                        let page = (index.next..<Int64(log.count)).map {
                            IndexedResult(task: log[Int($0)].task, offset: $0, isCancel: log[Int($0)].isCancel)
                        }
                        #expect(index.take(page, from: index.next, next: Int64(log.count)))
                    }
                }
                let task = Self.task(Int.random(in: 0..<400, using: &numbers))
                let isHeld = held[task].map { $0 >= earliest } ?? false
                let found = try index.find(task)
                if earliest == Int64(log.count), index.unplaced == 0 {
                    #expect(found == nil, "seed \(seed): the log holds nothing")
                }
                // A result whose offset is not yet known may count as held too long, never too short.
                #expect(!isHeld || found != nil, "seed \(seed)")
                if let found, let offset = held[task] {
                    #expect(found.isCancel == log[Int(offset)].isCancel || found.offset != offset, "seed \(seed)")
                } else if found != nil {
                    Issue.record("seed \(seed): \(task) was never recorded")
                }
            }
        }
    }

    @Test func damagedIndexIsRebuilt() async throws {
        try await withTemporaryFolder { folder in
            let index = ResultIndex(folder: folder, number: 0, most: 10)
            let page = (0..<100).map { IndexedResult(task: Self.task($0), offset: Int64($0), isCancel: false) }
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

    /// The mark of what was submitted is kept, also over files and merges, and the index of version 1 is not read.
    @Test func contentsAreKept() async throws {
        try await withTemporaryFolder { folder in
            let index = ResultIndex(folder: folder, number: 0, most: 10)
            func mark(_ number: Int) -> ContentMark { ContentMark([UInt8(number % 256), UInt8(number / 256 % 256)]) }
            #expect(Set((0..<65_536).map { mark($0).bits }).count == 32_767)
            let page = (0..<1_000).map {
                IndexedResult(task: Self.task($0), offset: Int64($0), isCancel: $0 % 2 == 0, content: mark($0))
            }
            for start in stride(from: 0, to: 1_000, by: 50) {
                _ = index.take(Array(page[start..<start + 50]), from: Int64(start), next: Int64(start + 50))
                try index.tidy()
            }
            try index.tidy(isLast: true)
            let later = ResultIndex(folder: folder, number: 0)
            for result in page {
                let found = try #require(try later.find(result.task))
                #expect(found == (result.offset, result.isCancel, result.content))
            }
            let manifest = folder + "/0.json"
            let text = try String(contentsOfFile: manifest, encoding: .utf8)
            try Data(text.replacing("\"format\":2", with: "\"format\":1").utf8).write(
                to: URL(fileURLWithPath: manifest))
            #expect(ResultIndex(folder: folder, number: 0).next == 0)
        }
    }

    @Test(arguments: [
        #"{"format":2,"next":5,"serial":9223372036854775807,"runs":[]}"#,
        #"{"format":2,"next":5,"serial":-1,"runs":[]}"#, #"{"format":2,"next":-5,"serial":1,"runs":[]}"#, "[]", "",
        #"{"format":2,"next":5,"serial":1,"runs":[{"name":"0-1","count":9223372036854775807}]}"#,
        #"{"format":2,"next":5,"serial":1,"runs":[{"name":"0-1","count":-1}]}"#,
        #"{"format":2,"next":5,"serial":1,"runs":[{"name":"../0-1","count":0}]}"#,
    ])
    func invalidManifestIsIgnored(_ manifest: String) async throws {
        try await withTemporaryFolder { folder in
            try Data().write(to: URL(fileURLWithPath: folder + "/0-1"))
            try Data(manifest.utf8).write(to: URL(fileURLWithPath: folder + "/0.json"))
            let index = ResultIndex(folder: folder, number: 0)
            #expect(index.next == 0)
            index.insert(Self.task(1), at: 0, isCancel: false)
            try index.tidy(isLast: true)
            #expect(try index.find(Self.task(1)) != nil)
        }
    }

    /// A failed disk read must not count as "no result": the task would get a second result.
    @Test func unreadableRunThrows() async throws {
        try await withTemporaryFolder { folder in
            let index = ResultIndex(folder: folder, number: 0, most: 10)
            let page = (0..<1_000).map { IndexedResult(task: Self.task($0), offset: Int64($0), isCancel: false) }
            _ = index.take(page, from: 0, next: 1_000)
            try index.tidy()
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) where name.hasPrefix("0-") {
                try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/" + name)).truncate(atOffset: 0)
            }
            for number in 0..<1_000 { #expect(throws: (any Error).self) { try index.find(Self.task(number)) } }
        }
    }

    @Test func temporaryRunFilesAreUnlinked() async throws {
        try await withTemporaryFolder { folder in
            let index = ResultIndex(folder: folder, number: 0, isKept: false, most: 10)
            let page = (0..<1_000).map { IndexedResult(task: Self.task($0), offset: Int64($0), isCancel: false) }
            _ = index.take(page, from: 0, next: 1_000)
            try index.tidy()
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
            #expect(try index.find(Self.task(999))?.offset == 999)
        }
    }

    @Test func runFilesAreMerged() async throws {
        try await withTemporaryFolder { folder in
            let index = ResultIndex(folder: folder, number: 0, most: 1_000)
            for start in stride(from: 0, to: 100_000, by: 1_000) {
                let page = (start..<start + 1_000).map {
                    IndexedResult(task: Self.task($0), offset: Int64($0), isCancel: $0 % 7 == 0)
                }
                _ = index.take(page, from: Int64(start), next: Int64(start + 1_000))
                try index.tidy()
            }
            #expect(index.count == 100_000)
            for number in stride(from: 0, to: 100_000, by: 997) {
                let found = try index.find(Self.task(number))
                #expect(found?.offset == Int64(number) && found?.isCancel == (number % 7 == 0))
            }
            #expect(try index.find(Self.task(100_001)) == nil)
            // Runs of similar size are merged, so few remain of the many that were written.
            let runs = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("0-") }
            #expect(runs.count <= 12, "\(runs)")
        }
    }
}
