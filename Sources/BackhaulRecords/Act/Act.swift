package import BackhaulDomain
internal import BackhaulTelemetry
package import BackhaulUnits

/// What somebody did, and what came of it.
package struct Act: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case submit
        case cancel
        case retry
        case acknowledge
        /// Of dead letters; and what was ordered of a replay.
        case replay
        /// Of dead letters that are to be left alone.
        case discard
        /// An issue was muted, or shown again.
        case mute
        /// Tokens were added, changed or removed.
        case tokens
        /// A process started, or read its configuration again.
        case configuration
        /// Topics were created or changed.
        case topics
        /// A jump of the embedded log's clock was confirmed.
        case clock
        /// An embedded log was moved to the cluster.
        case migrate
    }

    package enum Outcome: String, Hashable, Sendable, CaseIterable {
        /// A command began; another act says how it ended.
        case begun
        case done
        /// Some of the tasks were refused.
        case partly
        case refused
        case failed
    }

    /// Who did it.
    package struct Actor: Hashable, Sendable {
        package enum Way: String, Hashable, Sendable, CaseIterable {
            case http
            case commandLine = "command-line"
            /// A process of Backhaul noticed it: a changed file, a signal.
            case service
        }

        /// The caller's name, `USER@HOST` of a command, or the role of a service.
        package var name: ByteText
        package var way: Way
        /// The address of an HTTP caller; nil for others.
        package var address: String?

        package init(name: ByteText, way: Way, address: String? = nil) {
            self.name = name
            self.way = way
            self.address = address
        }
    }

    package var kind: Kind
    package var outcome: Outcome
    package var actor: Actor
    /// nil for none, or several.
    package var tenant: ByteText?
    package var batch: ByteText?
    /// The first of the tasks, at most `listed`.
    package var taskIDs: [ByteText]
    /// How many tasks it was about.
    package var tasks: Int
    /// How many of the tasks ended how: `accepted`, `known`, or the code of a refusal.
    package var counts: [String: Int]
    /// In words: what was asked for, or why it failed. Redacted, since callers name URLs with credentials.
    package var detail: String
    package var at: Timestamp

    /// The most task ids of an act.
    package static let listed = 20
    /// The longest `detail`, in bytes.
    package static let longestDetail = 1_024

    package init(
        _ kind: Kind, _ outcome: Outcome, by actor: Actor, tenant: ByteText? = nil, batch: ByteText? = nil,
        taskIDs: [ByteText] = [], tasks: Int = 0, counts: [String: Int] = [:], detail: String = "",
        at: Timestamp
    ) {
        self.kind = kind
        self.outcome = outcome
        self.actor = actor
        // What a refused caller named may be of any length.
        func bounded(_ text: ByteText) -> ByteText { ByteText(text.text.bounded(toBytes: Domain.longestLabel)) }
        self.tenant = tenant.map(bounded)
        self.batch = batch.map(bounded)
        self.taskIDs = taskIDs.prefix(Self.listed).map(bounded)
        self.tasks = tasks
        self.counts = counts
        self.detail = Redaction.clean(detail).bounded(toBytes: Self.longestDetail)
        self.at = at
    }
}
