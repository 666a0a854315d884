import BackhaulFuzzKit
import Foundation
import Testing

@Suite("Hostile input")
struct FuzzTests {
    /// Each run draws a new seed, which a failure names; BACKHAUL_TEST_SEED repeats one. `make fuzz` runs for hours.
    @Test func hostileInputStopsNothing() async throws {
        let seed =
            ProcessInfo.processInfo.environment["BACKHAUL_TEST_SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: 0...999_999_999)
        print("fuzz: seed \(seed)")
        let summary = try await FuzzRun(seed: seed, records: 800).run()
        print("fuzz: \(summary.records.values.reduce(0, +)) records, \(summary.malformed) malformed")
        #expect(summary.malformed > 0 && summary.results > 0, "the generator makes malformed and valid records")
    }
}
