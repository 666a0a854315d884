package import BackhaulLog
package import BackhaulTestKit

/// What the conformance suite needs of an adapter: a log that it can crash and open again.
package protocol LogHarness: Sendable {
    /// The time that the log goes by; nil when the adapter's counterpart keeps its own.
    var clock: ManualClock? { get }

    /// Begins the names of topics and groups: cases that share brokers must not meet.
    var prefix: String { get }

    /// How many members share a group where the shares are looked at.
    var members: Int { get }

    /// How many partitions a topic of the largest fleet has here.
    var manyPartitions: Int { get }

    /// Where a commit may be made to fail.
    var failPoints: [String] { get }

    /// Opens the log; the same store at every call.
    func open() async throws -> any MessageLog

    /// Ends the process's hold on the log as a crash would: nothing is flushed, nothing is said. Gives the log as the
    /// next process finds it.
    func crash(_ log: any MessageLog) async throws -> any MessageLog

    /// The next commit throws when it has passed the named point `after` times more.
    func arm(_ failPoint: String, after: Int)
    func disarm()
}
