import BackhaulDomain
import BackhaulUnits
import BackhaulView

/// Why tasks have not ended, for people.
enum ReasonText {
    static func line(_ reason: WaitReason, now: Timestamp) -> String {
        let count = reason.tasks == 1 ? "1 task" : "\(reason.tasks) tasks"
        let to = "to \(reason.destination)"
        var parts: [String]
        switch reason.kind {
        case .waiting: parts = ["\(count) \(to): waiting for a first attempt"]
        case .uploading: parts = ["\(count) \(to): uploading"]
        case .retrying: parts = ["\(count) \(to): waiting to try again"]
        case .rootUnavailable: parts = ["\(count) \(to): waiting for a source folder or disk"]
        case .toldToWait: parts = ["\(count) \(to): told to wait by the destination"]
        }
        parts.append("oldest \(AgeText.format(now - reason.oldestAcceptedAt))")
        if let next = reason.nextAttemptAt {
            parts.append(next > now ? "next attempt in \(AgeText.format(next - now))" : "next attempt now")
        }
        let line = parts.joined(separator: ", ")
        return reason.failure.map { "\(line); \($0)" } ?? line
    }
}
