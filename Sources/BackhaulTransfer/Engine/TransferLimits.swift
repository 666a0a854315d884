/// The engine's limits and their defaults.
package struct TransferLimits: Hashable, Sendable {
    /// Transfers at a time; others wait in the engine.
    package var transfers: Int
    /// Transfers at a time to one scheme, host and port.
    package var transfersPerHost: Int
    /// Milliseconds to connect, the TLS handshake included.
    package var connectTimeout: Int64
    /// A transfer slower than this many bytes a second, over `stallTimeout`, has stalled. Waiting for the answer counts.
    package var stallBytesPerSecond: Int
    /// Milliseconds; whole seconds count.
    package var stallTimeout: Int64

    package static let standard = TransferLimits(
        transfers: 64, transfersPerHost: 32, connectTimeout: 10_000, stallBytesPerSecond: 1, stallTimeout: 60_000)

    package init(
        transfers: Int, transfersPerHost: Int, connectTimeout: Int64, stallBytesPerSecond: Int, stallTimeout: Int64
    ) {
        self.transfers = transfers
        self.transfersPerHost = transfersPerHost
        self.connectTimeout = connectTimeout
        self.stallBytesPerSecond = stallBytesPerSecond
        self.stallTimeout = stallTimeout
    }
}
