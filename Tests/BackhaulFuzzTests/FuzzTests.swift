import BackhaulFuzzKit
import Foundation
import Testing

@Suite("Hostile input")
struct FuzzTests {
    /// A seed of its own at each run, which the failure names; BACKHAUL_TEST_SEED repeats one. `make fuzz` goes on for hours.
    @Test func nothingFromOutsideStopsAnything() async throws {
        let seed =
            ProcessInfo.processInfo.environment["BACKHAUL_TEST_SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: 0...999_999_999)
        print("fuzz: seed \(seed)")
        let summary = try await FuzzRun(seed: seed, records: 800).run()
        print("fuzz: \(summary.records.values.reduce(0, +)) records, \(summary.malformed) malformed")
        #expect(summary.malformed > 0 && summary.results > 0, "the generator makes both kinds")
    }
}
