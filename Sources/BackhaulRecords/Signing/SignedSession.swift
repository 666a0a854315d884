internal import BackhaulLog

/// A session of a `SignedLog`.
final class SignedSession: LogSession {
    private let base: any LogSession
    private let log: SignedLog

    init(_ base: any LogSession, of log: SignedLog) {
        self.base = base
        self.log = log
    }

    func next() async throws -> SessionEvent? {
        let event = try await base.next()
        guard case .delivered(let deliveries) = event else { return event }
        return .delivered(
            deliveries.map { delivery in
                var checked = delivery
                checked.stored = log.verified(delivery.stored)
                return checked
            })
    }

    func joined() async throws { try await base.joined() }

    func grant(_ records: Int) async { await base.grant(records) }

    func settle(_ units: [SettleUnit]) async throws -> [SettleOutcome] {
        try await base.settle(
            units.map { unit in
                var signed = unit
                signed.appends = log.sign(unit.appends)
                return signed
            })
    }

    func release(_ revocation: Revocation) async throws { try await base.release(revocation) }

    func close() async { await base.close() }
}
