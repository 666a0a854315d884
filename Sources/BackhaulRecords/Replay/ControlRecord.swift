package import BackhaulDomain
package import BackhaulLog

/// The records of the control topic about replays and issues: their keys, and how they are written and read.
package enum ControlRecord {
    package enum Key: Hashable, Sendable {
        case replay(String)
        case replayState(String)
        case replayOrder(String)
        case mute(String)
        /// Whose only purpose is to be delivered to the process that runs replays.
        case turn

        var text: String {
            switch self {
            case .replay(let id): "replay/" + id
            case .replayState(let id): "replay-state/" + id
            case .replayOrder(let id): "replay-order/" + id
            case .mute(let issue): "mute/" + issue
            case .turn: "replay-turn"
            }
        }

        package init?(_ bytes: [UInt8]) {
            let parts = String(decoding: bytes, as: UTF8.self).split(
                separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            let id = parts.count == 2 ? String(parts[1]) : ""
            switch parts.first {
            case "replay-turn" where parts.count == 1: self = .turn
            case "replay" where ReplayName.isValid(id): self = .replay(id)
            case "replay-state" where ReplayName.isValid(id): self = .replayState(id)
            case "replay-order" where ReplayName.isValid(id): self = .replayOrder(id)
            case "mute" where ReplayName.isValid(id): self = .mute(id)
            default: return nil
            }
        }
    }

    package enum Content: Hashable, Sendable {
        case replay(ReplayRecord)
        case state(ReplayState)
        case order(ReplayOrder)
        case mute(IssueMute)
        /// The record before it with the same key does not count any more.
        case removed
    }

    package static let contentType = "application/x-protobuf;messageType=backhaul.v1.Control"

    static func request(_ key: Key, _ value: [UInt8]?, _ layout: TopicLayout) throws -> AppendRequest {
        AppendRequest(
            topic: layout.control, partitioning: .partition(0),
            record: LogRecord(
                key: Array(key.text.utf8), value: value,
                headers: value == nil ? [] : HeaderName.headers(contentType: contentType)))
    }

    /// A record that is delivered to the process that runs replays, and says nothing. Not a tombstone: compaction may
    /// remove one before it is delivered.
    package static func turn(_ layout: TopicLayout) throws -> AppendRequest { try request(.turn, [], layout) }

    /// Removes a record.
    package static func tombstone(_ key: Key, _ layout: TopicLayout) throws -> AppendRequest {
        try request(key, nil, layout)
    }

    /// - Returns: nil for a record of another kind.
    /// - Throws: `RecordError` for one that cannot be read.
    package static func read(_ record: LogRecord) throws(RecordError) -> (key: Key, content: Content)? {
        guard let bytes = record.key, let key = Key(bytes) else { return nil }
        try RecordError.requireSigned(record, what: "control record")
        guard let value = record.value else { return (key, .removed) }
        return (key, try ReplayCodec.decode(value, key))
    }
}
