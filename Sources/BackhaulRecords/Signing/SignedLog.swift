internal import BackhaulDomain
package import BackhaulLog
package import BackhaulTelemetry
package import BackhaulUnits
package import Logging
internal import Synchronization

/// A log whose records are signed: signs what it appends and refuses what nobody with a key has written.
///
/// A refused record is delivered as one that is nothing: without key, value and headers, so that no reader can mistake
/// it for a task, an outcome or a tombstone, and its partition goes on. Others are delivered without their signature.
package final class SignedLog: MessageLog {
    package let base: any MessageLog
    private let keys: Mutex<SigningKeys>
    private let logger: Logger
    private let lastWarning = Mutex<(at: ContinuousClock.Instant?, left: Int)>((nil, 0))
    private let refused = Counter(
        "backhaul_refused_records_total", "Records without a valid signature (records.signing.keyFile).",
        labels: ["topic", "cause"])

    /// How often refused records are logged at most; the counter has them all.
    private static let warningInterval = Duration.seconds(10)

    package init(_ base: any MessageLog, keys: SigningKeys, logger: Logger) {
        self.base = base
        self.keys = Mutex(keys)
        self.logger = logger
    }

    /// Signs and verifies with these keys from now on.
    package func replace(_ keys: SigningKeys) { self.keys.withLock { $0 = keys } }

    package var families: [MetricFamily] { [refused.family] }

    package var abilities: LogAbilities { base.abilities }

    package func ensure(_ topics: [TopicSpecification]) async throws { try await base.ensure(topics) }

    package func topics() async throws -> [TopicSpecification] { try await base.topics() }

    package func append(_ requests: [AppendRequest]) async throws -> [AppendOutcome] {
        try await base.append(sign(requests))
    }

    package func openSession(_ subscriptions: [Subscription]) async throws -> any LogSession {
        SignedSession(try await base.openSession(subscriptions), of: self)
    }

    package func read(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount
    ) async throws -> ReadPage {
        verified(try await base.read(partition, from: offset, records: records, bytes: bytes))
    }

    package func readAhead(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount
    ) async throws -> ReadPage {
        verified(try await base.readAhead(partition, from: offset, records: records, bytes: bytes))
    }

    package func tail(
        _ partition: TopicPartition, from offset: Int64, records: Int, bytes: ByteCount
    ) async throws -> ReadPage {
        verified(try await base.tail(partition, from: offset, records: records, bytes: bytes))
    }

    package func bounds(_ topic: String) async throws -> [PartitionBounds] { try await base.bounds(topic) }

    package func decided(_ partition: TopicPartition) async throws -> Int64 { try await base.decided(partition) }

    package func positions(of group: String) async throws -> [TopicPartition: GroupPosition] {
        try await base.positions(of: group)
    }

    package func commit(_ positions: [TopicPartition: GroupPosition], of group: String) async throws {
        try await base.commit(positions, of: group)
    }

    package func changes() async -> AsyncStream<Void> { await base.changes() }

    package func watch(_ cursors: [TopicPartition: Int64]) async throws { try await base.watch(cursors) }

    package func maintain() async throws { try await base.maintain() }

    package func close() async { await base.close() }

    // MARK: Signatures

    func sign(_ requests: [AppendRequest]) -> [AppendRequest] {
        let keys = keys.withLock(\.self)
        return requests.map { request in
            var signed = request
            signed.record = keys.sign(request.record, topic: request.topic)
            return signed
        }
    }

    private func verified(_ page: ReadPage) -> ReadPage {
        var checked = page
        checked.records = page.records.map(verified)
        return checked
    }

    func verified(_ stored: StoredRecord) -> StoredRecord {
        let topic = stored.position.partition.topic
        var checked = stored
        if let refusal = keys.withLock(\.self).refusal(of: stored.record, topic: topic) {
            note(refusal, stored.position)
            checked.record = Self.nothing(refusal)
        } else {
            checked.record.headers.removeAll { $0.isNamed(HeaderName.signature) }
        }
        return checked
    }

    /// Empty, not null: null would be a tombstone. The cause headers are for a reader of dead letters.
    private static func nothing(_ refusal: SigningKeys.Refusal) -> LogRecord {
        LogRecord(
            value: [],
            headers: [
                LogHeader(HeaderName.refused, text: refusal.text),
                LogHeader(HeaderName.causeClass, text: FailureClass.malformed.rawValue),
                LogHeader(HeaderName.causeMessage, text: refusal.text),
            ])
    }

    private func note(_ refusal: SigningKeys.Refusal, _ position: LogPosition) {
        refused.add(1, [position.partition.topic, refusal.rawValue])
        let left: Int? = lastWarning.withLock { last in
            if let at = last.at, .now - at < Self.warningInterval {
                last.left += 1
                return nil
            }
            defer { last = (.now, 0) }
            return last.left
        }
        guard let left else { return }
        logger.warning(
            "a record has no valid signature: it is refused",
            metadata: ["position": "\(position)", "cause": "\(refusal.rawValue)", "not_logged": "\(left)"])
    }
}
