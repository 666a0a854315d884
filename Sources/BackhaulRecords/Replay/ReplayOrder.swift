package import BackhaulDomain
package import BackhaulLog
package import BackhaulUnits

/// A record of the control topic: what an operator wants of a replay.
package struct ReplayOrder: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case pause
        case resume
        case cancel
    }

    package var kind: Kind
    package var by: ByteText
    package var at: Timestamp

    package init(_ kind: Kind, by: ByteText, at: Timestamp) {
        self.kind = kind
        self.by = by
        self.at = at
    }

    package func request(_ id: String, _ layout: TopicLayout) throws -> AppendRequest {
        try ControlRecord.request(.replayOrder(id), try ReplayCodec.encode(self), layout)
    }
}
