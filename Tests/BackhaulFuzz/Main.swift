import BackhaulFuzzKit
import Foundation

/// Fuzzes for as long as it is told, one seed after the other: `backhaul-fuzz --records 20000 --minutes 60 [--seed N]`.
@main
enum Main {
    static func main() async {
        func value(_ name: String) -> UInt64? {
            let arguments = CommandLine.arguments
            guard let index = arguments.firstIndex(of: name), index + 1 < arguments.count else { return nil }
            return UInt64(arguments[index + 1])
        }
        let records = Int(clamping: value("--records") ?? 20_000)
        let end = ContinuousClock.now + .seconds(60 * Int64(clamping: value("--minutes") ?? 0))
        var seed = value("--seed") ?? UInt64.random(in: 0...999_999_999)
        repeat {
            let start = ContinuousClock.now
            do {
                let summary = try await FuzzRun(seed: seed, records: records).run()
                print(
                    "seed \(seed): \(summary.records.count) topics of \(records) records, \(summary.requests) requests, "
                        + "\(summary.malformed) malformed, \(summary.results) results, \(ContinuousClock.now - start)")
            } catch {
                print("FAILED \(error)")
                exit(1)
            }
            seed &+= 1
        } while ContinuousClock.now < end
    }
}
