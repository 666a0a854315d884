internal import BackhaulView

/// How far a view is behind its log, asked of the brokers at most five times a second.
actor ViewLag {
    private var last: (lag: Int64, at: ContinuousClock.Instant)?
    private static let life = Duration.milliseconds(200)

    func current(_ view: StatusView) async throws -> Int64 {
        if let last, .now - last.at < Self.life { return last.lag }
        let lag = try await view.lag()
        last = (lag, .now)
        return lag
    }
}
