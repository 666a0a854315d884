import BackhaulEmbedded
import BackhaulLog
import BackhaulLogConformance
import BackhaulTestKit
import Foundation
import Logging
import Synchronization

/// The embedded log for the conformance suite. A crash copies the store's files as they are on disk at that moment
/// (what a killed process leaves behind) and opens the copy.
final class EmbeddedHarness: LogHarness {
    private struct State {
        var generation = 0
        var armed: (point: String, after: Int)?
    }

    let clock: ManualClock? = ManualClock()
    let prefix = ""
    let members = 4
    let manyPartitions = 256
    let failPoints = ["appended", "moved"]
    private let root: String
    private let state = Mutex(State())

    init(root: String) {
        self.root = root
    }

    var folder: String { root + "/" + String(state.withLock { $0.generation }) }

    func open() async throws -> any MessageLog {
        try EmbeddedLog(
            folder: folder,
            options: EmbeddedOptions(owns: true, durability: .process) { [weak self] point in try self?.pass(point) },
            clock: clock ?? ManualClock(), logger: Logger(label: "test"))
    }

    func crash(_ log: any MessageLog) async throws -> any MessageLog {
        let old = folder
        state.withLock { $0.generation += 1 }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["log.sqlite", "log.sqlite-wal"] where FileManager.default.fileExists(atPath: old + "/" + name) {
            try FileManager.default.copyItem(atPath: old + "/" + name, toPath: folder + "/" + name)
        }
        await log.close()
        return try await open()
    }

    func arm(_ failPoint: String, after: Int) {
        state.withLock { $0.armed = (failPoint, after) }
    }

    func disarm() {
        state.withLock { $0.armed = nil }
    }

    struct Fault: Error {}

    private func pass(_ point: String) throws {
        try state.withLock { state in
            guard let armed = state.armed, armed.point == point else { return }
            if armed.after == 0 { throw Fault() }
            state.armed = (point, armed.after - 1)
        }
    }
}
