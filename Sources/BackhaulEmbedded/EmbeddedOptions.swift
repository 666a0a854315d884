/// How an embedded log is opened.
package struct EmbeddedOptions: Sendable {
    /// Whether this process owns the folder: runs the roles and the upkeep. One process at a time may (a kernel lock).
    /// Without it a process appends and reads, beside an owner or alone.
    package var owns: Bool
    package var durability: Durability
    /// The largest record taken, in bytes, headers included. Kafka's default is about 1 MiB; this is the same.
    package var maximumRecordSize: Int
    /// How long the machine may have been off, in milliseconds, without an operator's word that it was: over a longer gap the
    /// log's time stands, since the wall clock may be wrong.
    package var largestGap: Int64
    /// How long a writer waits for another process's commit, in seconds.
    package var busyTimeout: Double
    /// Called at named steps inside a commit; a test makes it throw to prove that a commit is all or nothing.
    package var failPoint: @Sendable (String) throws -> Void

    package init(
        owns: Bool, durability: Durability = .fsync, maximumRecordSize: Int = 1 << 20,
        largestGap: Int64 = 3 * 86_400_000, busyTimeout: Double = 30,
        failPoint: @escaping @Sendable (String) throws -> Void = { _ in }
    ) {
        self.owns = owns
        self.durability = durability
        self.maximumRecordSize = maximumRecordSize
        self.largestGap = largestGap
        self.busyTimeout = busyTimeout
        self.failPoint = failPoint
    }
}
