import CCounting
import Foundation

/// Micro-benchmarks of the code that every task runs: codecs, ledger, and the whole path of a task in one process.
///
///     backhaul-micro              times each, prints JSON: nanoseconds and allocations per operation
///     backhaul-micro --count      runs each a fixed number of times, for callgrind (Benchmarks/guard.py)
///     backhaul-micro --results N  measures an index of N results
///     backhaul-micro --retries N  measures the append latency of an embedded log with N retries
@main
struct Main {
    struct Line: Encodable {
        var name: String
        var operations: Int
        var nanoseconds: Double
        var allocations: Double
    }

    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        if arguments.count == 2, let count = arguments.last.flatMap({ Int($0) }),
            (1_000...1_000_000_000).contains(count)
        {
            switch arguments.first {
            case "--results": return try LargeCases.results(count)
            case "--retries": return try await LargeCases.retries(count)
            default: break
            }
        }
        let counts = arguments == ["--count"]
        guard counts || arguments.isEmpty else {
            try? FileHandle.standardError.write(
                contentsOf: Data("usage: backhaul-micro [--count | --results N | --retries N]\n".utf8))
            exit(2)
        }
        let cases = try CodecCases.all + LedgerCases.all + [PathCase.make()]
        for one in cases {
            // The first round fills caches and lazy tables.
            one.run(one.guarded / 10 + 1)
            if counts {
                measure(one, one.guarded)
                print("\(one.name) \(one.guarded)")
            } else {
                try print(time(one))
            }
        }
    }

    /// Runs five rounds of about 0.1 s; returns the time of the best and the allocations of the last.
    private static func time(_ one: Case) throws -> String {
        var operations = one.guarded
        while true {
            let taken = seconds(one, operations)
            if taken > 0.05 || one.isWhole {
                operations = one.isWhole ? operations : max(1, Int(Double(operations) * 0.1 / taken))
                break
            }
            operations *= 4
        }
        var best = Double.infinity
        var allocations: UInt64 = 0
        for _ in 0..<5 {
            let before = backhaul_allocations()
            best = min(best, seconds(one, operations))
            allocations = backhaul_allocations() - before
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let line = Line(
            name: one.name, operations: operations, nanoseconds: best / Double(operations) * 1e9,
            allocations: Double(allocations) / Double(operations))
        return String(decoding: try encoder.encode(line), as: UTF8.self)
    }

    private static func seconds(_ one: Case, _ operations: Int) -> Double {
        let start = ContinuousClock.now
        one.run(operations)
        return (ContinuousClock.now - start) / .seconds(1)
    }

    /// Runs a case inside one C function, whose entry and exit tell callgrind when to begin and end.
    private static func measure(_ one: Case, _ operations: Int) {
        final class Box {
            let body: () -> Void
            init(_ body: @escaping () -> Void) { self.body = body }
        }
        let box = Box { one.run(operations) }
        backhaul_measure(
            { context in
                guard let context else { return }
                Unmanaged<Box>.fromOpaque(context).takeUnretainedValue().body()
            }, Unmanaged.passUnretained(box).toOpaque())
        withExtendedLifetime(box) {}
    }
}

/// One thing to measure.
struct Case {
    let name: String
    /// Operations of a run under callgrind.
    let guarded: Int
    /// Whether a run has a setup and an end of its own, so that `time` must not multiply its operations.
    var isWhole = false
    /// Runs this many operations.
    let run: (Int) -> Void
}

/// Keeps the optimizer from removing a value that is not used.
@inline(never)
func consume<Value>(_ value: Value) {}
