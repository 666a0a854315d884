package import BackhaulDomain
package import BackhaulLog
package import BackhaulUnits

/// A record of the control topic: an issue that nobody needs to see.
package struct IssueMute: Hashable, Sendable {
    package var by: ByteText
    package var reason: String
    package var at: Timestamp

    package init(by: ByteText, reason: String, at: Timestamp) {
        self.by = by
        self.reason = reason.bounded(toBytes: ReplayRecord.longestReason)
        self.at = at
    }

    /// - Parameter mute: nil shows the issue again.
    package static func request(_ mute: IssueMute?, issue: String, _ layout: TopicLayout) throws -> AppendRequest {
        try ControlRecord.request(.mute(issue), try mute.map(ReplayCodec.encode), layout)
    }
}
