package import BackhaulDomain
package import BackhaulUnits

/// The counts of an audit; `AuditDatabase` has what is counted by kind.
package struct AuditReport: Hashable, Sendable {
    /// The batch that was audited; nil for all.
    package var batch: ByteText?
    /// Task generations that were accepted: submissions and replays.
    package var accepted = 0
    /// Results, counting each repetition.
    package var results = 0
    /// Tasks that are older than the results that are kept: their results may have aged out.
    package var forgotten = 0
    /// Records that are not of their topic's kind.
    package var malformed = 0
    /// The findings of each kind; kinds without one are absent.
    package var counts: [AuditFinding.Kind: Int] = [:]
    /// The unfinished tasks at each stage.
    package var stages: [String: Int] = [:]
    /// nil when no objects were to be read.
    package var objects: Objects?

    package init() {}

    /// The objects of an audit that reads them.
    package struct Objects: Hashable, Sendable {
        /// Objects that were read and are right, and their bytes.
        package var verified = 0
        package var verifiedBytes = ByteCount.zero
        /// Keys that were not read: an upload to them is under way, or their destination has not answered for others.
        package var notLookedAt = 0
        /// Keys that are not in the sample.
        package var notSampled = 0
    }

    /// How an audit ends.
    package enum Verdict: String, Hashable, Sendable, Codable {
        /// Every accepted task has its result, and every object that was to be read is right.
        case proven
        /// What has ended and what could be seen is proven; the rest is counted.
        case partly
        /// Nothing could be looked at.
        case notLooked = "not-looked"
        /// Something is lost, damaged or repeated.
        case loss
    }

    package func count(_ kind: AuditFinding.Kind) -> Int { counts[kind] ?? 0 }

    /// Whether nothing is lost, repeated, damaged or stale. Unfinished tasks are none of these.
    package var isClean: Bool {
        // Nobody knows of which batch the records were that were removed unread.
        let losses: [AuditFinding.Kind] =
            [.missing, .duplicated, .conflicting, .withoutLetter, .gone, .corrupted, .stale, .overwritten]
            + (batch == nil ? [.lostUnread] : [])
        return losses.allSatisfy { count($0) == 0 }
    }

    /// Whether all that has ended is proven, as `proven`, though tasks may be in progress.
    package var isProvenSoFar: Bool { isClean && sawAll }

    private var unseen: Int { count(.unreachable) + (objects?.notLookedAt ?? 0) }

    private var sawAll: Bool { unseen == 0 && count(.lostUnread) == 0 && malformed == 0 }

    package var verdict: Verdict {
        if !isClean { return .loss }
        if let objects, unseen > 0, objects.verified == 0 { return .notLooked }
        return count(.unfinished) > 0 || !sawAll ? .partly : .proven
    }
}
