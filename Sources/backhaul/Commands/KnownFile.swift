import BackhaulIngest
import BackhaulUnits
import BackhaulView

/// What has become of a file that the log has already: known is not stored.
enum KnownFile: Hashable {
    case underWay
    case stored(at: Timestamp?)
    case failed
    case expired
    case cancelled
    /// The log knows the name only: neither the task nor its result is kept.
    case forgotten

    /// - Parameter task: nil for a task that the view does not have.
    init(_ task: KnownTask?) {
        switch task?.state {
        case .waiting, .running, .retrying: self = .underWay
        case .succeeded: self = .stored(at: task?.finishedAt)
        case .failed: self = .failed
        case .expired: self = .expired
        case .cancelled: self = .cancelled
        case nil: self = .forgotten
        }
    }

    /// The word of the command's output.
    var word: String {
        switch self {
        case .underWay: "under way"
        case .stored: "stored"
        case .failed: "failed"
        case .expired: "expired"
        case .cancelled: "cancelled"
        case .forgotten: "forgotten"
        }
    }

    /// When it was stored; nil for what is not stored.
    var storedAt: Timestamp? {
        if case .stored(let time) = self { time } else { nil }
    }

    /// What a submission does about it.
    enum Action: Hashable {
        case leave
        case sendAgain
        case refuse
    }

    /// - Parameter again: whether stored files are sent as well.
    func action(_ policy: KnownPolicy, again: Bool) -> Action {
        switch self {
        case .underWay: .leave
        // Its generation is unknown.
        case .forgotten: .refuse
        case _ where again: .sendAgain
        case .stored: .leave
        case .failed, .expired, .cancelled:
            switch policy {
            case .skip: .leave
            case .retry: .sendAgain
            case .fail: .refuse
            }
        }
    }
}
