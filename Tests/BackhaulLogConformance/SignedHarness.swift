package import BackhaulLog
internal import BackhaulRecords
package import BackhaulTestKit
internal import Logging

/// Another harness's log with signed records.
package final class SignedHarness: LogHarness {
    private let base: any LogHarness
    private let keys: SigningKeys

    package init(_ base: any LogHarness) throws {
        self.base = base
        keys = try SigningKeys(parsing: "test AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    }

    package var clock: ManualClock? { base.clock }
    package var prefix: String { base.prefix }
    package var members: Int { base.members }
    package var manyPartitions: Int { base.manyPartitions }
    package var failPoints: [String] { base.failPoints }

    private func signed(_ log: any MessageLog) -> any MessageLog {
        var logger = Logger(label: "test.signed")
        logger.logLevel = .critical
        return SignedLog(log, keys: keys, logger: logger)
    }

    package func open() async throws -> any MessageLog { signed(try await base.open()) }

    package func crash(_ log: any MessageLog) async throws -> any MessageLog {
        signed(try await base.crash((log as? SignedLog)?.base ?? log))
    }

    package func arm(_ failPoint: String, after: Int) { base.arm(failPoint, after: after) }

    package func disarm() { base.disarm() }
}
