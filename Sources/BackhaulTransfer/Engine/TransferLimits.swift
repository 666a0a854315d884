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
    /// The time from the status line of an answer to the answer's end. The rest of a longer one is not read.
    package var answerTimeout: Duration
    /// The time of a whole transfer, besides the time that its body takes at `slowestBytesPerSecond`.
    package var attemptTimeout: Duration
    /// A file with authorities that are trusted besides the system's, where a request names none (PEM); nil for none.
    package var authorities: String?

    package static let standard = TransferLimits(
        transfers: 64, transfersPerHost: 32, connectTimeout: .seconds(10), stallBytesPerSecond: ByteCount(1),
        stallTimeout: .seconds(60))

    package static let slowestBytesPerSecond = 64 << 10

    /// The time that a transfer of so many bytes may take.
    package func time(for bytes: ByteCount) -> Duration {
        attemptTimeout + .seconds(bytes.count / Self.slowestBytesPerSecond)
    }

    package init(
        transfers: Int, transfersPerHost: Int, connectTimeout: Duration, stallBytesPerSecond: ByteCount,
        stallTimeout: Duration, answerTimeout: Duration = .seconds(60), attemptTimeout: Duration = .seconds(3_600),
        authorities: String? = nil
    ) {
        self.answerTimeout = answerTimeout
        self.attemptTimeout = attemptTimeout
        self.authorities = authorities
        self.transfers = transfers
        self.transfersPerHost = transfersPerHost
        self.connectTimeout = connectTimeout
        self.stallBytesPerSecond = stallBytesPerSecond
        self.stallTimeout = stallTimeout
    }
}
