/// One setting: its name, what it takes, its default and what it does. The table that files, the environment and the
/// documentation go by.
package struct SettingKey: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case text
        case integer(ClosedRange<Int>)
        /// `10s`, `1m`.
        case duration
        case durations
        /// `65536`, `64KiB`, `64MiB`.
        case size
        case fraction
        case flag
        case choice([String])
        case texts
    }

    package var name: String
    package var kind: Kind
    package var standard: String
    package var help: String

    /// `retry.maxAttempts` → `BACKHAUL_RETRY_MAX_ATTEMPTS`.
    package var environmentName: String {
        var text = "BACKHAUL_"
        var previous: Character = "."
        for character in name {
            if character.isUppercase, previous.isLowercase { text += "_" }
            text += character == "." ? "_" : character.uppercased()
            previous = character
        }
        return text
    }

    /// Every scalar setting. `sources.roots` and `destinations` are sections of their own.
    package static let all: [SettingKey] = [
        .init(
            name: "topics.prefix", kind: .text, standard: "backhaul.", help: "Begins the name of every topic and group."
        ),
        .init(name: "topics.partitions", kind: .integer(1...1_000), standard: "8", help: "Partitions of each topic."),
        .init(
            name: "topics.replication", kind: .integer(1...15), standard: "3",
            help: "Kafka: copies of each partition. From 3 on a write waits for two of them."),
        .init(
            name: "retention.work", kind: .duration, standard: "30d",
            help:
                "How long tasks, retries and outcomes stay after their append, once every reader is past them: as far back as an audit counts."
        ),
        .init(name: "retention.results", kind: .duration, standard: "90d", help: "How long results stay."),
        .init(name: "retention.deadLetters", kind: .duration, standard: "90d", help: "How long dead letters stay."),
        .init(
            name: "retry.tiers", kind: .durations, standard: "10s,1m,10m,1h,6h,1d",
            help: "The n-th failure waits the n-th of these, later ones the last. Each is a retry topic."),
        .init(
            name: "retry.maxAttempts", kind: .integer(1...1_000), standard: "8",
            help: "Tries of a task, the first one counted."),
        .init(name: "retry.jitter", kind: .fraction, standard: "0.1", help: "Each wait is multiplied by 1 ± this."),
        .init(
            name: "retry.parkDelay", kind: .duration, standard: "1m",
            help: "Between looks at a source root that is not there."),
        .init(
            name: "limits.uploads", kind: .integer(1...10_000), standard: "32",
            help: "Uploads at a time of each worker role."),
        .init(
            name: "limits.largeUploads", kind: .integer(1...1_000), standard: "8",
            help: "Uploads of large files at a time of each worker role, beside the others."),
        .init(
            name: "limits.largeThreshold", kind: .size, standard: "64MiB",
            help: "From this size on a file goes through the large lane."),
        .init(
            name: "limits.uploadsPerHost", kind: .integer(1...10_000), standard: "32",
            help: "Transfers at a time of each worker role to one scheme, host and port."),
        .init(name: "limits.connectTimeout", kind: .duration, standard: "10s", help: "To connect, TLS included."),
        .init(
            name: "limits.stallTimeout", kind: .duration, standard: "1m",
            help: "A transfer slower than limits.stallBytesPerSecond for this long has stalled."),
        .init(
            name: "limits.stallBytesPerSecond", kind: .integer(1...1_000_000_000), standard: "1",
            help: "See limits.stallTimeout."),
        .init(
            name: "worker.markAfter", kind: .duration, standard: "5s",
            help: "An upload under way for longer leaves an in-flight mark."),
        .init(
            name: "shutdown.grace", kind: .duration, standard: "10s",
            help: "Uploads under way have this long to finish when a worker stops."),
        .init(
            name: "egress.allow", kind: .texts, standard: "",
            help: "Address ranges beyond the public ones that uploads may connect to, in CIDR form."),
        .init(
            name: "egress.freeURLs", kind: .flag, standard: "true",
            help: "Whether tasks may carry a destination URL of their own."),
        .init(
            name: "log.durability", kind: .choice(["fsync", "process"]), standard: "fsync",
            help: "Embedded log: fsync survives power loss, process survives the death of processes only."),
        .init(
            name: "log.delivery", kind: .choice(["exactly-once", "at-least-once"]), standard: "exactly-once",
            help: "Kafka: whether records and positions are written in one transaction, or one after the other."),
        .init(
            name: "kafka.properties", kind: .texts, standard: "",
            help: "librdkafka properties as name=value, except those that the program owns."),
        .init(name: "kafka.username", kind: .text, standard: "", help: "The user for SASL PLAIN and SCRAM."),
        .init(
            name: "kafka.passwordFile", kind: .text, standard: "",
            help: "A file that holds the password of kafka.username."
        ),
        .init(
            name: "kafka.keyPasswordFile", kind: .text, standard: "",
            help: "A file that holds the password of the client's TLS key."),
        .init(
            name: "kafka.oauth.tokenURL", kind: .text, standard: "",
            help: "Where tokens for SASL OAUTHBEARER are fetched, by client credentials."),
        .init(name: "kafka.oauth.clientID", kind: .text, standard: "", help: "The client's id there."),
        .init(
            name: "kafka.oauth.clientSecretFile", kind: .text, standard: "",
            help: "A file that holds the client's secret."),
        .init(name: "kafka.oauth.scope", kind: .text, standard: "", help: "The scope to ask for."),
        .init(
            name: "logging.level", kind: .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
            standard: "info", help: "The least level that is logged."),
    ]

    package static let named: [String: SettingKey] = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }
}
