internal import BackhaulDomain
internal import BackhaulUnits

/// Encodes what attempts took: `backhaul.v1.Effort`, and as a header.
enum EffortCodec {
    static func message(_ effort: TaskEffort) -> Backhaul_V1_Effort {
        var message = Backhaul_V1_Effort()
        message.firstAtMs = effort.firstAttemptAt?.milliseconds ?? 0
        message.uploadingMs = UInt64(clamping: effort.uploading.inMilliseconds)
        message.bytesSent = effort.bytesSent.bytes
        return message
    }

    /// - Throws: `RecordError`.
    static func value(_ message: Backhaul_V1_Effort, of what: String) throws(RecordError) -> TaskEffort {
        guard let effort = value(message.firstAtMs, message.uploadingMs, message.bytesSent) else {
            throw .invalid(what: what, problem: "effort is out of range")
        }
        return effort
    }

    /// The time of the first attempt, the milliseconds in attempts and the bytes that were sent.
    static func text(_ effort: TaskEffort) -> String {
        let message = message(effort)
        return "\(message.firstAtMs) \(message.uploadingMs) \(message.bytesSent)"
    }

    static func read(_ text: String) -> TaskEffort? {
        let parts = text.utf8.split(separator: UInt8(ascii: " "), maxSplits: 3).map { String(Substring($0)) }
        guard parts.count == 3, let first = Int64(parts[0]), let uploading = UInt64(parts[1]),
            let sent = UInt64(parts[2])
        else { return nil }
        return value(first, uploading, sent)
    }

    private static func value(_ first: Int64, _ uploading: UInt64, _ sent: UInt64) -> TaskEffort? {
        let sent = ByteCount(sent)
        guard sent <= Domain.largestFile, let milliseconds = Int64(exactly: uploading),
            milliseconds <= Domain.longestWait.inMilliseconds
        else { return nil }
        var effort = TaskEffort(uploading: .milliseconds(milliseconds), bytesSent: sent)
        if first != 0 {
            guard let time = Timestamp(exactly: first) else { return nil }
            effort.firstAttemptAt = time
        }
        return effort
    }
}
