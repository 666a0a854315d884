package import BackhaulUnits

/// Errors of a log. Each message says what, where and what to do.
package enum LogError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownTopic(String)
    case unknownPartition(TopicPartition)
    /// The topic exists but differs from what is required.
    case topicMismatch(topic: String, problem: String)
    case recordTooLarge(size: ByteCount, limit: ByteCount)
    /// The log rejects the record: it exceeds a broker's limit, or a policy forbids it.
    case recordRefused(String)
    /// The folder belongs to a running process.
    case inUse(folder: String, owner: String)
    /// The store cannot be opened or written, for an external reason.
    case unusable(folder: String, reason: String)
    case outOfSpace(folder: String)
    /// The content of the log is not what it wrote.
    case damaged(what: String, place: String)
    /// The log's records move to another log, or have moved.
    case migrated(folder: String, to: String)
    /// Written by a newer version of the program.
    case newerFormat(found: Int, supported: Int, folder: String)
    /// The group's position points to records that no longer exist.
    case positionLost(group: String, partition: TopicPartition, position: Int64, earliest: Int64)
    /// A group that had a position in the partition no longer has one.
    case positionMissing(group: String, partition: TopicPartition)
    /// The log denies access to this program or its user.
    case refused(String)
    /// A connection property or address that cannot be used.
    case misconfigured(String)
    /// The log does not support the request.
    case unsupported(String)
    /// The log does not answer now; the same call may succeed later.
    case unavailable(String)
    case closed

    package var description: String {
        switch self {
        case .unknownTopic(let topic):
            "topic '\(topic)' does not exist; run 'backhaul topics' to list those that do"
        case .unknownPartition(let partition):
            "partition \(partition) does not exist"
        case .topicMismatch(let topic, let problem):
            "topic '\(topic)' \(problem)"
        case .recordTooLarge(let size, let limit):
            "a record of \(size.bytes) bytes exceeds the limit of \(limit.bytes) bytes"
        case .recordRefused(let reason):
            "the log rejects a record: \(reason)"
        case .inUse(let folder, let owner):
            "data folder \(folder) is in use by \(owner); stop that process or choose another folder"
        case .unusable(let folder, let reason):
            "data folder \(folder) cannot be used: \(reason)"
        case .outOfSpace(let folder):
            "no space left for the log in \(folder); nothing of this call was stored; free space and try again"
        case .damaged(let what, let place):
            "the log is damaged: \(what) (\(place)); stop, keep a copy of the folder and restore it from a backup"
        case .migrated(let folder, let target):
            "the log in \(folder) takes no records any more: it \(target)"
        case .newerFormat(let found, let supported, let folder):
            "data folder \(folder) has format \(found), this program supports up to \(supported); use the newer program"
        case .positionLost(let group, let partition, let position, let earliest):
            "group '\(group)' is at \(partition)@\(position), but records before \(earliest) are gone: they were lost "
                + "unread; run 'backhaul audit' to name them"
        case .positionMissing(let group, let partition):
            "group '\(group)' has no position in \(partition): it was never set, or it has expired; run "
                + "'backhaul topics plan' to see what would be read again, then 'backhaul topics apply'"
        case .refused(let reason):
            "the log denies access: \(reason)"
        case .misconfigured(let reason):
            "the log cannot be reached as configured: \(reason)"
        case .unsupported(let reason):
            "the log cannot do this: \(reason)"
        case .unavailable(let reason):
            "the log does not answer: \(reason)"
        case .closed:
            "the log was closed"
        }
    }
}
