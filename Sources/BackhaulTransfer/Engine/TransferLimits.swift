/// The engine's limits and their defaults.
package struct TransferLimits: Hashable, Sendable {
    /// Maximum concurrent transfers; further ones wait in the engine.
    package var transfers: Int
    /// Maximum concurrent transfers to one scheme, host and port.
    package var transfersPerHost: Int
    /// Milliseconds to connect, including the TLS handshake.
    package var connectTimeout: Int64
    /// A transfer slower than this many bytes per second over `stallTimeout` has stalled. Waiting for the response
    /// counts.
    package var stallBytesPerSecond: Int
    /// Milliseconds, rounded down to whole seconds, at least one.
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
