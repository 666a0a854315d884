package import BackhaulLog
package import BackhaulTestKit

/// What the conformance suite needs from an adapter: a log that it can crash and open again.
package protocol LogHarness: Sendable {
    /// The log's clock; nil when the adapter's server has its own.
    var clock: ManualClock? { get }

    /// The prefix of topic and group names, so that cases on the same brokers do not collide.
    var prefix: String { get }

    /// The number of members in the test of group shares.
    var members: Int { get }

    /// The number of partitions per topic in the test of the largest fleet.
    var manyPartitions: Int { get }

    /// The points at which a commit can be made to fail.
    var failPoints: [String] { get }

    /// Opens the log, with the same store at every call.
    func open() async throws -> any MessageLog

    /// Ends the process's use of the log as a crash would: nothing is flushed, and no member leaves its group.
    /// Returns the log as the next process finds it.
    func crash(_ log: any MessageLog) async throws -> any MessageLog

    /// Makes commits throw at the named point once it has been passed `after` times more.
    func arm(_ failPoint: String, after: Int)
    func disarm()
}
