package import BackhaulLog
internal import BackhaulTestKit
internal import Testing

/// The contract of the log port as checks. An adapter calls `run` for each case; `Case.allCases` is the suite.
package struct LogConformance: Sendable {
    package enum Case: String, CaseIterable, Sendable {
        case appendIsDurable, orderPerPartition, groupPositions, settleMovesAndAppends, settleIsAllOrNothing
        case finishedMapSurvives, checkpointKeepsDelivery, revocationIsHeld, droppedAfterRelease, browsingWithoutGroup
        case delayedRecords, knownIdentity, truncationBehindSlowest, ageRetention, compaction, nullAndEmpty,
            largeRecords
        case binaryHeaders, fiftyThousand, spanIsCapped, creditsBound, changesAreTold, unknownTopic, settleAcrossGroups
        case evenShares, followersShareAPartition, manyPartitions, cancelledReads
    }

    let harness: any LogHarness

    package init(_ harness: any LogHarness) {
        self.harness = harness
    }

    package func run(_ name: Case) async throws {
        switch name {
        case .appendIsDurable: try await appendIsDurable()
        case .orderPerPartition: try await orderPerPartition()
        case .groupPositions: try await groupPositions()
        case .settleMovesAndAppends: try await settleMovesAndAppends()
        case .settleIsAllOrNothing: try await settleIsAllOrNothing()
        case .finishedMapSurvives: try await finishedMapSurvives()
        case .checkpointKeepsDelivery: try await checkpointKeepsDelivery()
        case .revocationIsHeld: try await revocationIsHeld()
        case .droppedAfterRelease: try await droppedAfterRelease()
        case .browsingWithoutGroup: try await browsingWithoutGroup()
        case .delayedRecords: try await delayedRecords()
        case .knownIdentity: try await knownIdentity()
        case .truncationBehindSlowest: try await truncationBehindSlowest()
        case .ageRetention: try await ageRetention()
        case .compaction: try await compaction()
        case .nullAndEmpty: try await nullAndEmpty()
        case .largeRecords: try await largeRecords()
        case .binaryHeaders: try await binaryHeaders()
        case .fiftyThousand: try await fiftyThousand()
        case .spanIsCapped: try await spanIsCapped()
        case .creditsBound: try await creditsBound()
        case .changesAreTold: try await changesAreTold()
        case .unknownTopic: try await unknownTopic()
        case .settleAcrossGroups: try await settleAcrossGroups()
        case .evenShares: try await evenShares()
        case .followersShareAPartition: try await followersShareAPartition()
        case .manyPartitions: try await manyPartitions()
        case .cancelledReads: try await cancelledReads()
        }
    }

    // MARK: Tools

    // Topics and groups; the harness's prefix separates the cases.
    package var t: String { harness.prefix + "t" }
    var u: String { harness.prefix + "u" }
    var d: String { harness.prefix + "d" }
    package var out: String { harness.prefix + "out" }
    var nowhere: String { harness.prefix + "nowhere" }
    package var g: String { harness.prefix + "g" }
    var h: String { harness.prefix + "h" }
    var later: String { harness.prefix + "later" }

    package func topic(_ name: String, _ partitions: Int = 1, _ retention: Retention? = nil)
        -> TopicSpecification
    {
        TopicSpecification(
            name: name, partitions: partitions, retention: retention ?? .untilRead(by: [g], atLeast: .zero))
    }

    package func value(_ text: String, to topic: String? = nil, partition: Int = 0) -> AppendRequest {
        AppendRequest(
            topic: topic ?? t, partitioning: .partition(partition), record: LogRecord(value: Array(text.utf8)))
    }

    func text(_ stored: StoredRecord) -> String { String(decoding: stored.record.value ?? [], as: UTF8.self) }

    package func all(_ log: any MessageLog, _ topic: String, partition: Int = 0) async throws -> [StoredRecord] {
        var records: [StoredRecord] = []
        // Settled records are visible once their transaction is decided.
        let place = TopicPartition(topic: topic, partition: partition)
        try await log.scan(place, to: try await log.decided(place)) { records += $0 }
        return records
    }

    /// Reads events until `count` deliveries have arrived, and releases revocations meanwhile.
    package func take(_ count: Int, _ session: any LogSession) async throws -> [Delivery] {
        // Long enough for a busy machine: it only detects that no more deliveries arrive.
        try await within(300, "\(count) deliveries") {
            var deliveries: [Delivery] = []
            while deliveries.count < count {
                switch try await session.next() {
                case .delivered(let more): deliveries += more
                case .assigned, .blocked, .lost: continue
                case .revoking(let revocation): try await session.release(revocation)
                case nil: throw LogError.closed
                }
            }
            return deliveries
        }
    }

    package func finish(_ deliveries: [Delivery], _ appends: [AppendRequest] = []) -> [SettleUnit] {
        deliveries.enumerated().map {
            SettleUnit(delivery: $0.element.reference, finishes: true, appends: $0.offset == 0 ? appends : [])
        }
    }

    package func position(_ log: any MessageLog, _ group: String? = nil, _ topic: String? = nil, _ partition: Int = 0)
        async throws -> GroupPosition?
    {
        try await log.positions(of: group ?? g)[TopicPartition(topic: topic ?? t, partition: partition)]
    }
}
