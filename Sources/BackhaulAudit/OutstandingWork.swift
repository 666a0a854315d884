/// The exact outstanding work of a group in a topic: what is neither below its frontier nor finished beyond it.
package struct OutstandingWork: Encodable, Sendable {
    package var group: String
    package var topic: String
    package var outstanding: Int64 = 0
    /// Bytes of the records.
    package var bytes = 0
    /// Bytes of the files that outstanding tasks name; 0 for outcomes.
    package var fileBytes: UInt64 = 0
    /// Seconds since the oldest outstanding record was appended.
    package var oldestAgeSeconds: Int64 = 0
}
