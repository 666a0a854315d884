package import BackhaulUnits

/// The exact outstanding work of a group in a topic: what is neither below its frontier nor finished beyond it.
package struct OutstandingWork: Encodable, Sendable {
    package var group: String
    package var topic: String
    package var outstanding: Int64 = 0
    /// The size of the records.
    package var size = ByteCount.zero
    /// The size of the files that outstanding tasks name; zero for outcomes.
    package var fileSize = ByteCount.zero
    /// How long ago the oldest outstanding record was appended.
    package var oldestAge = Duration.zero
}

extension OutstandingWork {
    private enum CodingKeys: CodingKey {
        case group, topic, outstanding, bytes, fileBytes, oldestAgeSeconds
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(group, forKey: .group)
        try container.encode(topic, forKey: .topic)
        try container.encode(outstanding, forKey: .outstanding)
        try container.encode(size.bytes, forKey: .bytes)
        try container.encode(fileSize.bytes, forKey: .fileBytes)
        try container.encode(oldestAge.components.seconds, forKey: .oldestAgeSeconds)
    }
}
