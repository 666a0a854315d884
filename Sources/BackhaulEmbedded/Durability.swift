/// When an append counts as durable: the fsync policy of the embedded log.
package enum Durability: String, Hashable, Sendable, CaseIterable {
    /// Every commit is fsynced before its call returns (SQLite WAL, `synchronous=FULL`). Survives power loss. The
    /// default.
    case fsync
    /// A commit reaches the kernel before its call returns, and the disk at the next WAL checkpoint
    /// (`synchronous=NORMAL`). Survives the crash of any process. A power loss may lose the last commits, but never
    /// part of one.
    case process
}
