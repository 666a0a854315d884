package import BackhaulLog

/// The headers that Backhaul writes, and one that only readers see (`refused`). A producer's own headers are kept
/// unchanged, except those that begin with `prefix`.
package enum HeaderName {
    package static let prefix = "backhaul-"
    package static let contentType = "content-type"
    /// W3C Trace Context of the producer, kept through retries to the result.
    package static let trace = "traceparent"
    package static let generation = "backhaul-generation"
    package static let attempts = "backhaul-attempts"
    package static let crashes = "backhaul-crashes"
    package static let due = "backhaul-due"
    package static let history = "backhaul-history"
    package static let handedOver = "backhaul-handed-over"
    /// What the dialect of the destination saved for the next attempt.
    package static let uploadState = "backhaul-upload-state"
    /// The id of the replay that the generation belongs to.
    package static let replay = "backhaul-replay"
    /// What the attempts took: the time of the first, milliseconds in attempts, bytes that were sent.
    package static let effort = "backhaul-effort"
    /// On results: what was submitted (`TaskFingerprint`), in hex, where the log does not refuse another content under
    /// the same id.
    package static let fingerprint = "backhaul-fingerprint"

    /// The id of a key, `:` and 32 bytes, where records are signed (`SigningKeys`).
    package static let signature = "backhaul-signature"

    /// On what a reader gets in place of a record without a valid signature: why.
    package static let refused = "backhaul-refused"

    // On dead letters: why, when and from where.
    package static let causeClass = "backhaul-cause-class"
    package static let causeMessage = "backhaul-cause-message"
    package static let httpStatus = "backhaul-http-status"
    package static let failedAt = "backhaul-failed-at"
    package static let worker = "backhaul-worker"
    package static let origin = "backhaul-origin"
    /// Where the letter was in an embedded log: the migration's id, a space, the position.
    package static let moved = "backhaul-moved"
    /// Bytes of the original, on a letter that only refers to it.
    package static let originSize = "backhaul-origin-size"

    /// The `traceparent` of a record; nil without one.
    package static func trace(of record: LogRecord) -> String? { record.header(trace)?.text }

    /// The headers of every record that Backhaul creates.
    static func headers(contentType: String, trace: String? = nil) -> [LogHeader] {
        [LogHeader(Self.contentType, text: contentType)] + (trace.map { [LogHeader(Self.trace, text: $0)] } ?? [])
    }
}
