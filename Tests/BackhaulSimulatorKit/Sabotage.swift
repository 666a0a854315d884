/// A bug that is planted between a lane's machine and its surroundings, to prove that the simulation finds it.
package enum Sabotage: String, CaseIterable, Sendable {
    /// A decision is not settled.
    case settlementLost
    /// A decision is written twice.
    case settlementWrittenTwice
    /// The machine is not told that a decision is in the log.
    case settlementUnreported
    /// A decision is settled although its partition belongs to another owner.
    case epochUnchecked
    /// A credit is not granted.
    case creditLost
    /// A credit is granted twice.
    case creditDoubled
    /// An attempt does not begin.
    case attemptLost
    /// An attempt begins twice.
    case attemptDoubled
    /// The end of an attempt is not reported.
    case endLost
    /// An end is reported for a later attempt of the same delivery.
    case endOfAnother
    /// A revoked partition is not released.
    case releaseLost
    /// A revoked partition is released before its work has ended.
    case releaseEarly
    /// The checkpoints of an earlier owner are not read.
    case checkpointsUnread
    /// The checkpoints of an earlier owner are never answered.
    case checkpointsUnanswered
    /// An attempt is not told that what it saves is in the log.
    case saveUnanswered
    /// What an attempt saved is not inherited.
    case stateForgotten
    /// A record that is to be read again is not.
    case fetchLost
    /// A record that is read again is said to be gone.
    case fetchEmpty
    /// The machine is not woken when its time has come.
    case wakeLost
    /// An attempt begins without the mark that it needs.
    case markLost
    /// A delivery is lost.
    case deliveryLost
    /// A breaker's failures are reported as the tasks' own.
    case refusalsPermanent
    /// A failed attempt is reported as a success.
    case failureStored

    /// Whether it strikes at every occasion; the others strike at one in four.
    var isSystematic: Bool {
        switch self {
        case .wakeLost, .markLost: true
        default: false
        }
    }
}
