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

        /// What it takes, for people.
        var words: String {
            switch self {
            case .text: "text"
            case .integer(let range): "\(range.lowerBound) to \(range.upperBound)"
            case .duration: "duration"
            case .durations: "list of durations"
            case .size: "size"
            case .fraction: "0 to 0.5"
            case .flag: "`true` or `false`"
            case .choice(let all): all.map { "`\($0)`" }.joined(separator: ", ")
            case .texts: "list"
            }
        }
    }

    package var name: String
    package var kind: Kind
    package var standard: String
    package var help: String
    /// Whether a running process takes a change over at SIGHUP.
    package var isLive = false

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
            name: "topics.prefix", kind: .text, standard: "backhaul.",
            help: "Begins the name of every topic and group. At most 200 of a-z A-Z 0-9 . _ -."
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
        .init(
            name: "retention.results", kind: .duration, standard: "90d",
            help: "How long results stay, and at least as long as the tasks that they answer."),
        .init(
            name: "retention.deadLetters", kind: .duration, standard: "90d",
            help: "How long dead letters stay; not shorter than retention.results."),
        .init(
            name: "retry.tiers", kind: .durations, standard: "10s,1m,10m,1h,6h,1d",
            help:
                "The n-th failure waits the n-th of these, later ones the last. Each is a retry topic. Ascending, 100ms or more."
        ),
        .init(
            name: "retry.maxAttempts", kind: .integer(1...1_000), standard: "8",
            help: "Tries of a task, the first one counted."),
        .init(
            name: "retry.jitter", kind: .fraction, standard: "0.1",
            help: "Each wait is lengthened by up to this share of it, at random."),
        .init(
            name: "retry.parkDelay", kind: .duration, standard: "1m",
            help: "Between looks at a source root that is not there."),
        .init(
            name: "limits.uploads", kind: .integer(1...10_000), standard: "32",
            help: "Uploads at a time of each worker role.", isLive: true),
        .init(
            name: "limits.largeUploads", kind: .integer(1...1_000), standard: "8",
            help: "Uploads of large files at a time of each worker role, beside the others.", isLive: true),
        .init(
            name: "limits.largeThreshold", kind: .size, standard: "64MiB",
            help: "From this size on a file goes through the large lane."),
        .init(
            name: "limits.uploadsPerHost", kind: .integer(1...10_000), standard: "32",
            help: "Transfers at a time of each worker role to one scheme, host and port.", isLive: true),
        .init(name: "limits.connectTimeout", kind: .duration, standard: "10s", help: "To connect, TLS included."),
        .init(
            name: "limits.stallTimeout", kind: .duration, standard: "1m",
            help:
                "A transfer slower than limits.stallBytesPerSecond for this long has stalled. Whole seconds count, at least one."
        ),
        .init(
            name: "limits.stallBytesPerSecond", kind: .integer(1...1_000_000_000), standard: "1",
            help: "See limits.stallTimeout. Waiting for the answer counts."),
        .init(
            name: "worker.markAfter", kind: .duration, standard: "5s",
            help: "An upload under way for longer leaves an in-flight mark."),
        .init(
            name: "shutdown.grace", kind: .duration, standard: "10s",
            help: "Uploads under way have this long to finish when a worker stops."),
        .init(
            name: "shutdown.maximum", kind: .duration, standard: "1m",
            help: "A process that has not stopped in order by then ends all the same, with exit code 1."),
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
            help:
                "librdkafka properties as name=value, except those that the program owns; see below. In the file also a mapping."
        ),
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
            name: "api.authentication", kind: .choice(["required", "none"]), standard: "required",
            help: "Whether HTTP callers have to say who they are. none is taken on loopback addresses only."),
        .init(
            name: "api.tokensFile", kind: .text, standard: "",
            help: "A YAML file with the hashes of the tokens that callers may use.", isLive: true),
        .init(
            name: "api.jwt.keysURL", kind: .text, standard: "",
            help: "Where the keys (JWKS) that sign JWTs are fetched; http or https."),
        .init(
            name: "api.jwt.keysFile", kind: .text, standard: "",
            help: "A file that holds the keys (JWKS) that sign JWTs."),
        .init(name: "api.jwt.issuer", kind: .text, standard: "", help: "The issuer (iss) that a JWT must name."),
        .init(name: "api.jwt.audience", kind: .text, standard: "", help: "The audience (aud) that a JWT must name."),
        .init(
            name: "api.jwt.tenantClaim", kind: .text, standard: "tenant",
            help: "The claim that names the caller's tenant; * in it is all."),
        .init(
            name: "api.jwt.scopeClaim", kind: .text, standard: "scope",
            help: "The claim that holds the caller's scopes: submit, read, operate."),
        .init(
            name: "api.tasksPerSecond", kind: .integer(0...1_000_000_000), standard: "0",
            help: "Tasks a second that each ingest node takes from a tenant by HTTP; 0 for no limit.", isLive: true),
        .init(
            name: "api.unacknowledgedTasks", kind: .integer(0...1_000_000_000), standard: "0",
            help:
                "Tasks of a tenant under way, or ended and not acknowledged, at the most; 0 for no limit.", isLive: true
        ),
        .init(
            name: "api.fileRoots", kind: .texts, standard: "",
            help: "Source roots below which HTTP callers may name files. None unless they are listed.", isLive: true),
        .init(
            name: "api.freeURLs", kind: .flag, standard: "false",
            help: "Whether HTTP callers may name a destination by a URL of their own.", isLive: true),
        .init(
            name: "api.viewTokenFile", kind: .text, standard: "",
            help: "A file that holds the token by which ingest asks the acknowledger that --api names; scope read."),
        .init(
            name: "api.slowestBytesPerSecond", kind: .integer(0...1_000_000_000), standard: "256",
            help: "A client that sends its body slower, over ten seconds and more of waiting for it, is cut off."),
        .init(
            name: "tracing.endpoint", kind: .text, standard: "",
            help:
                "The base URL of a collector that takes traces by OTLP/HTTP, such as http://127.0.0.1:4318; without it OTEL_EXPORTER_OTLP_ENDPOINT counts."
        ),
        .init(
            name: "tracing.headersFile", kind: .text, standard: "",
            help: "A file of headers for the collector, one 'Name: value' a line."),
        .init(
            name: "tracing.percent", kind: .integer(0...100), standard: "100",
            help: "Of the traces that begin here, how many are recorded. Those that callers began are as they say."),
        .init(
            name: "logging.level", kind: .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
            standard: "info", help: "The least level that is logged.", isLive: true),
    ]

    package static let named: [String: SettingKey] = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }
}
