/// What a failed attempt tells about: the task alone, all that its destination takes, or all that its root holds.
package enum FailureScope: Hashable, Sendable {
    case task
    case place
    case root
}

extension Failure {
    /// Statuses by which a server answers for one file, or for all of them while it is in a bad state: a folder that
    /// is not mounted, a bucket that is being moved.
    private static let ambiguousStatuses: Set<Int> = [404, 405, 409, 410, 451]

    package var scope: FailureScope {
        switch kind {
        case .rootUnavailable: .root
        case .destinationUnknown, .throttled, .refused: .place
        case .transient: isOfSource ? .task : .place
        case .permanent: httpStatus.map(Self.ambiguousStatuses.contains) ?? false ? .place : .task
        case .egressRefused, .integrity, .sourceChanged, .sourceGone, .keyTaken, .malformed, .interrupted, .poison:
            .task
        }
    }

    /// Whether the next task of the same destination or root fails certainly, too.
    package var isCertainForAll: Bool { kind == .rootUnavailable || kind == .destinationUnknown }

    /// Whether the destination has answered.
    package var comesFromPlace: Bool { httpStatus != nil || kind == .keyTaken }
}
