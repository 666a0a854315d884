import BackhaulDestinations
import BackhaulDomain
import BackhaulUnits

extension Submission {
    /// What `submit` prints.
    struct Summary: Encodable {
        struct Rejection: Encodable {
            var path: String
            var code: String
            var message: String
        }

        var batch: ByteText
        var accepted = 0
        /// Of the accepted: those that were submitted before, as their next generation.
        var again = 0
        /// What had become of those, by state.
        var againAfter: [String: Int] = [:]
        /// What the log had already and was not accepted again; the counts after it say what has become of it.
        var known = 0
        var underWay = 0
        var stored = 0
        var failed = 0
        var expired = 0
        var cancelled = 0
        var forgotten = 0
        var rejected: [Rejection] = []
        /// Counts all rejections; `rejected` lists the first 10,000.
        var rejectedCount = 0
        /// Folders that are not to be submitted, such as the destination's own.
        var leftOut: [Rejection] = []
        /// Patterns of --include and --exclude that no name has matched.
        var unmatchedPatterns: [String] = []
        /// Files whose keys at the destination other files have: how many, and the first of them.
        var sharedKeyCount = 0
        var sharedKeys: [SharedKey] = []
        var size = ByteCount.zero

        struct SharedKey: Encodable {
            var key: ByteText
            /// The other file, below its root.
            var holder: ByteText
            var holderBatch: ByteText
        }

        private enum CodingKeys: String, CodingKey {
            case batch, accepted, again, againAfter, known, underWay, stored, failed, expired, cancelled, forgotten,
                rejected
            case rejectedCount, leftOut, unmatchedPatterns, sharedKeyCount, sharedKeys
            case size = "bytes"
        }

        /// Names the patterns that matched nothing.
        func sayUnmatched() {
            for pattern in unmatchedPatterns {
                Stderr.say(
                    "the pattern '\(pattern)' matched nothing; patterns are those of .gitignore, relative to the folder "
                        + "that is submitted")
            }
        }

        /// Names the files whose keys other files have.
        /// - Parameter policy: what the destination does about them.
        func saySharedKeys(_ policy: OverwritePolicy) {
            guard sharedKeyCount > 0 else { return }
            let fate =
                switch policy {
                case .replace, .skipIfSame: "the later one replaces the other"
                case .keepBoth: "a different one gets a second name"
                case .fail: "a different one fails"
                }
            Stderr.say(
                "\(sharedKeyCount) \(sharedKeyCount == 1 ? "file has a key" : "files have keys") that another file has at "
                    + "the destination; \(fate) (overwrite: \(policy.rawValue)), --prefix keeps them apart:")
            for shared in sharedKeys {
                Stderr.say("  \(shared.key): also \(shared.holder) of batch \(shared.holderBatch)")
            }
            if sharedKeyCount > sharedKeys.count { Stderr.say("  and \(sharedKeyCount - sharedKeys.count) more") }
        }

        /// Names what was left out, and what was refused.
        func sayLeftOut() {
            for left in leftOut { Stderr.say("left out: \(left.path): \(left.message)") }
            for rejection in rejected {
                Stderr.say("not submitted: \(rejection.path): \(rejection.message) (\(rejection.code))")
            }
            if rejectedCount > rejected.count {
                Stderr.say("and \(rejectedCount - rejected.count) more were not submitted")
            }
        }

        mutating func count(_ file: KnownFile) {
            known += 1
            switch file {
            case .underWay: underWay += 1
            case .stored: stored += 1
            case .failed: failed += 1
            case .expired: expired += 1
            case .cancelled: cancelled += 1
            case .forgotten: forgotten += 1
            }
        }
    }
}
