/// When an append counts as durable: the fsync policy of the embedded log.
package enum Durability: String, Hashable, Sendable, CaseIterable {
    /// Every commit is fsynced before it is answered (SQLite WAL, `synchronous=FULL`). Survives power loss. The default.
    case fsync
    /// Commits reach the kernel before they are answered, and the disk at checkpoints (`synchronous=NORMAL`). Survives
    /// the death of every process, not the loss of power: then the last commits may be missing, never torn.
    case process
}
