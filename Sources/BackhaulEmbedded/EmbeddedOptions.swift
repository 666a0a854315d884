package import BackhaulUnits

/// Options of an embedded log.
package struct EmbeddedOptions: Sendable {
    /// Whether this process owns the folder and runs the roles and the upkeep. A kernel lock allows only one owner. Any
    /// other process may append and read, with or without an owner.
    package var owns: Bool
    /// Whether the owner is a migration. No other owner opens a log that moves to another one.
    package var migrates: Bool
    package var durability: Durability
    /// The largest record that `append` accepts, headers included. The default is Kafka's, about 1 MiB.
    package var maximumRecordSize: ByteCount
    /// The longest time that the machine may be off without an operator's confirmation. The log's
    /// time does not advance by a longer gap, since the wall clock may be wrong.
    package var largestGap: Duration
    /// How long a writer waits for another process's commit.
    package var busyTimeout: Duration
    /// Called at named steps of a commit; a test makes it throw to prove that a commit is atomic.
    package var failPoint: @Sendable (String) throws -> Void

    package init(
        owns: Bool, migrates: Bool = false, durability: Durability = .fsync,
        maximumRecordSize: ByteCount = ByteCount(1 << 20),
        largestGap: Duration = .seconds(3 * 86_400), busyTimeout: Duration = .seconds(30),
        failPoint: @escaping @Sendable (String) throws -> Void = { _ in }
    ) {
        self.owns = owns
        self.migrates = migrates
        self.durability = durability
        self.maximumRecordSize = maximumRecordSize
        self.largestGap = largestGap
        self.busyTimeout = busyTimeout
        self.failPoint = failPoint
    }
}
