package import BackhaulUnits

/// The engine's limits and their defaults.
package struct TransferLimits: Hashable, Sendable {
    /// Maximum concurrent transfers; further ones wait in the engine.
    package var transfers: Int
    /// Maximum concurrent transfers to one scheme, host and port.
    package var transfersPerHost: Int
    /// The time to connect, including the TLS handshake.
    package var connectTimeout: Duration
    /// A transfer slower than this many bytes per second over `stallTimeout` has stalled. Waiting for the response
    /// counts.
    package var stallBytesPerSecond: ByteCount
    /// Rounded down to whole seconds, at least one.
    package var stallTimeout: Duration
    /// A file with authorities that are trusted besides the system's, where a request names none (PEM); nil for none.
    package var authorities: String?

    package static let standard = TransferLimits(
        transfers: 64, transfersPerHost: 32, connectTimeout: .seconds(10), stallBytesPerSecond: ByteCount(1),
        stallTimeout: .seconds(60))

    package init(
        transfers: Int, transfersPerHost: Int, connectTimeout: Duration, stallBytesPerSecond: ByteCount,
        stallTimeout: Duration, authorities: String? = nil
    ) {
        self.authorities = authorities
        self.transfers = transfers
        self.transfersPerHost = transfersPerHost
        self.connectTimeout = connectTimeout
        self.stallBytesPerSecond = stallBytesPerSecond
        self.stallTimeout = stallTimeout
    }
}
