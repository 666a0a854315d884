/// One scalar setting: its name, kind, default and description. The configuration file, the environment variables
/// and the documentation are all derived from the table of these.
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

        /// The allowed values, for people.
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
    /// Whether a running process applies a change at SIGHUP.
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
            help: "Prefix of the name of every topic and group. At most 200 characters of a-z A-Z 0-9 . _ -."),
        .init(
            name: "topics.partitions", kind: .integer(1...1_000), standard: "8",
            help: "Partitions of each topic. Cannot change once the topics exist."),
        .init(
            name: "topics.replication", kind: .integer(1...15), standard: "3",
            help: "Kafka: replicas of each partition. With 3 or more, a write needs at least two replicas in sync."),
        .init(
            name: "retention.work", kind: .duration, standard: "30d",
            help: "How long tasks, retries and outcomes are kept after their append, and longer until every reader has "
                + "read them. An audit can count accepted tasks this far back."),
        .init(
            name: "retention.results", kind: .duration, standard: "90d",
            help: "How long results are kept, and longer while their tasks are kept. Not shorter than retention.work."),
        .init(
            name: "retention.deadLetters", kind: .duration, standard: "90d",
            help: "How long dead letters are kept. Not shorter than retention.results."),
        .init(
            name: "retention.acts", kind: .duration, standard: "365d",
            help: "How long it is kept who submitted, cancelled, retried, replayed or acknowledged what, and who "
                + "changed tokens and settings."),
        .init(
            name: "retry.tiers", kind: .durations, standard: "10s,1m,10m,1h,6h,1d",
            help: "Waits before the next try: the n-th failure waits the n-th of these, and later failures wait the "
                + "last. Each is a retry topic. Ascending, each 100ms or more."),
        .init(
            name: "retry.maxAttempts", kind: .integer(1...1_000), standard: "8",
            help: "Maximum tries of a task, including the first. If the last fails, the task becomes a dead letter."),
        .init(
            name: "retry.jitter", kind: .fraction, standard: "0.1",
            help: "Extends each wait at random by up to this fraction of the wait. 0.1 is 10 percent."),
        .init(
            name: "retry.parkDelay", kind: .duration, standard: "1m",
            help: "Wait before a task is tried again whose source root is unavailable, or whose destination is not "
                + "configured or refuses the credentials; and the longest wait between two probes of a root or a "
                + "destination that fails. Such a try spends no attempt."),
        .init(
            name: "retry.breakerFailures", kind: .integer(1...1_000_000), standard: "10",
            help: "Failures in a row at one destination after which its tasks wait and spend no attempt, while one "
                + "after the other probes it. A failure counts if the destination may be the cause: no connection, "
                + "TLS, a time-out, 5xx, 401, 403, 404, 405, 407, 409, 410, 429, 451."),
        .init(
            name: "retry.maxCrashes", kind: .integer(1...1_000), standard: "5",
            help: "Deaths of workers during the uploads of one task after which it becomes a dead letter (poison). "
                + "From the second on, it runs alone in its lane."),
        .init(
            name: "retry.maxRetryAfter", kind: .duration, standard: "6h",
            help: "The longest wait that a destination may ask for (Retry-After). A longer one is cut to this: it may "
                + "be a mistake, such as milliseconds for seconds."),
        .init(
            name: "limits.uploads", kind: .integer(1...10_000), standard: "64",
            help: "Maximum concurrent uploads of each worker role, not counting large files.", isLive: true),
        .init(
            name: "limits.largeUploads", kind: .integer(1...1_000), standard: "8",
            help: "Maximum concurrent uploads of large files of each worker role, in addition to limits.uploads.",
            isLive: true),
        .init(
            name: "limits.largeThreshold", kind: .size, standard: "64MiB",
            help: "Files of this size or more count as large and go through the large lane."),
        .init(
            name: "limits.uploadsPerDestination", kind: .integer(0...10_000), standard: "0",
            help: "Maximum concurrent uploads of each worker role to one destination, or to one scheme, host and port "
                + "of URLs. 0 for half of limits.uploads, so that a destination that does not answer leaves the other "
                + "half to the others. For large files, half of limits.largeUploads at most, if this is 0."),
        .init(
            name: "limits.uploadsPerTenant", kind: .integer(0...10_000), standard: "0",
            help: "Maximum concurrent uploads of each worker role of one tenant. 0 for no limit but limits.uploads."),
        .init(
            name: "limits.uploadsPerHost", kind: .integer(1...10_000), standard: "64",
            help: "Maximum concurrent transfers of each worker role to one scheme, host and port.", isLive: true),
        .init(
            name: "limits.connectTimeout", kind: .duration, standard: "10s",
            help: "Maximum time to connect to a destination, including TLS."),
        .init(
            name: "limits.stallTimeout", kind: .duration, standard: "1m",
            help: "A transfer fails when it is slower than limits.stallBytesPerSecond for this long. Rounded down to "
                + "whole seconds, at least one."),
        .init(
            name: "limits.stallBytesPerSecond", kind: .integer(1...1_000_000_000), standard: "1",
            help: "Minimum speed of a transfer in bytes per second; see limits.stallTimeout. The time spent waiting "
                + "for the answer counts."),
        .init(
            name: "limits.answerTimeout", kind: .duration, standard: "1m",
            help:
                "Maximum time of an answer, from its status line to its end. The rest of a longer answer is not read; "
                + "an answer of more than 1 MiB is cut, too."),
        .init(
            name: "limits.attemptTimeout", kind: .duration, standard: "1h",
            help: "Maximum time of one attempt, in addition to the time that its file takes at 64 KiB/s."),
        .init(
            name: "worker.markAfter", kind: .duration, standard: "5s",
            help: "An upload that runs longer than this writes an in-flight mark to the log, which tells the next "
                + "owner if the worker dies."),
        .init(
            name: "worker.reportEvery", kind: .duration, standard: "10s",
            help:
                "How often an upload with an in-flight mark writes to the log how far it has come, as long as it gets "
                + "on. 'backhaul watch' shows it."),
        .init(
            name: "shutdown.grace", kind: .duration, standard: "10s",
            help: "How long a worker that stops lets uploads in progress continue before it interrupts them."),
        .init(
            name: "shutdown.maximum", kind: .duration, standard: "1m",
            help: "Maximum time to stop after the first signal. A process that takes longer ends with exit code 1."),
        .init(
            name: "egress.allow", kind: .texts, standard: "",
            help: "Address ranges in CIDR form that uploads may connect to, in addition to public addresses."),
        .init(
            name: "egress.caFile", kind: .text, standard: "",
            help:
                "Path of a file with authorities (PEM) that uploads trust besides the system's, also those to URLs that "
                + "tasks carry. By default the file that SSL_CERT_FILE names, if it is set."),
        .init(
            name: "egress.freeURLs", kind: .flag, standard: "true",
            help: "Whether a task may carry its own destination URL. If false, only configured destinations are "
                + "allowed."),
        .init(
            name: "log.url", kind: .text, standard: "",
            help: "The log of commands and roles that are not given one: kafka://host:port/ or "
                + "embedded:///absolute/folder."),
        .init(
            name: "log.durability", kind: .choice(["fsync", "process"]), standard: "fsync",
            help: "Embedded log: with fsync, commits survive a power loss. With process, they survive only the end of "
                + "a process."),
        .init(
            name: "log.delivery", kind: .choice(["exactly-once", "at-least-once"]), standard: "exactly-once",
            help: "Kafka: whether records and offsets are written in one transaction (exactly-once) or one after the "
                + "other (at-least-once)."),
        .init(
            name: "kafka.properties", kind: .texts, standard: "",
            help: "librdkafka properties as name=value, or as a mapping in the file. Those that the program owns are "
                + "refused; see below."),
        .init(name: "kafka.username", kind: .text, standard: "", help: "User name for SASL PLAIN and SCRAM."),
        .init(
            name: "kafka.passwordFile", kind: .text, standard: "",
            help: "Path of a file with the password of kafka.username."),
        .init(
            name: "kafka.keyPasswordFile", kind: .text, standard: "",
            help: "Path of a file with the password of the client's TLS key."),
        .init(
            name: "kafka.oauth.tokenURL", kind: .text, standard: "",
            help: "URL of the token endpoint for SASL OAUTHBEARER with client credentials."),
        .init(name: "kafka.oauth.clientID", kind: .text, standard: "", help: "Client ID for the token endpoint."),
        .init(
            name: "kafka.oauth.clientSecretFile", kind: .text, standard: "",
            help: "Path of a file with the client secret. Read each time a token is fetched."),
        .init(
            name: "kafka.oauth.scope", kind: .text, standard: "",
            help: "Scope to request from the token endpoint. By default none is requested."),
        .init(
            name: "api.authentication", kind: .choice(["required", "none"]), standard: "required",
            help: "Whether HTTP callers must authenticate. none is allowed on loopback addresses only."),
        .init(
            name: "api.tokensFile", kind: .text, standard: "",
            help:
                "Path of a YAML file with the hashes of the callers' tokens. A change takes effect within a second; a "
                + "file that cannot be read revokes every token.",
            isLive: true),
        .init(
            name: "api.jwt.keysURL", kind: .text, standard: "",
            help: "URL of the key set (JWKS) that verifies JWTs; http or https. Set this or api.jwt.keysFile."),
        .init(
            name: "api.jwt.keysFile", kind: .text, standard: "",
            help: "Path of a file with the key set (JWKS) that verifies JWTs. Set this or api.jwt.keysURL."),
        .init(
            name: "api.jwt.issuer", kind: .text, standard: "",
            help: "Issuer (iss) that a JWT must name. Required to accept JWTs."),
        .init(
            name: "api.jwt.audience", kind: .text, standard: "",
            help: "Audience (aud) that a JWT must name. Required to accept JWTs."),
        .init(
            name: "api.jwt.tenantClaim", kind: .text, standard: "tenant",
            help: "Claim of a JWT that names the caller's tenant. The value * means all tenants."),
        .init(
            name: "api.jwt.scopeClaim", kind: .text, standard: "scope",
            help: "Claim of a JWT that holds the caller's scopes: submit, read, operate."),
        .init(
            name: "api.jwt.type", kind: .text, standard: "",
            help: "Type (typ) that a JWT's header must have, such as at+jwt (RFC 9068). By default any type or none."),
        .init(
            name: "api.tls.certificateFile", kind: .text, standard: "",
            help: "Path of a PEM file with the API's certificate and those that lead to its authority. The API then "
                + "speaks TLS 1.2 and 1.3 only. Read again when it changes."),
        .init(
            name: "api.tls.keyFile", kind: .text, standard: "",
            help: "Path of a PEM file with the certificate's key. Read again when it changes."),
        .init(
            name: "api.tls.clientCAFile", kind: .text, standard: "",
            help: "Path of a PEM file with the authorities of clients' certificates. If set, a client needs a "
                + "certificate of one of them, besides its token."),
        .init(
            name: "api.tasksPerSecond", kind: .integer(0...1_000_000_000), standard: "2000",
            help: "Tasks per second that each ingest node accepts from a tenant over HTTP. 0 means no limit.",
            isLive: true),
        .init(
            name: "api.unacknowledgedTasks", kind: .integer(0...1_000_000_000), standard: "10000000",
            help: "Maximum tasks of a tenant that are in progress, or ended and not acknowledged. 0 means no limit. An "
                + "ingest node knows the count only with --api.",
            isLive: true),
        .init(
            name: "api.bytesPerDay", kind: .size, standard: "10TiB",
            help: "Bytes of files that each ingest node accepts from a tenant in a day. 0 means no limit.", isLive: true
        ),
        .init(
            name: "api.tenantStreams", kind: .integer(0...256), standard: "64",
            help: "Maximum event streams of a tenant, and of each of its callers; of 256 in total. 0 means 64.",
            isLive: true),
        .init(
            name: "api.tenantConnections", kind: .integer(0...100_000), standard: "256",
            help:
                "Maximum connections of a tenant's callers to the API. Beyond it an idle one is closed for a new one, "
                + "and without an idle one requests are refused. 0 means no limit.",
            isLive: true),
        .init(
            name: "api.fileRoots", kind: .texts, standard: "",
            help: "Source roots below which HTTP callers may name files. By default none.", isLive: true),
        .init(
            name: "api.freeURLs", kind: .flag, standard: "false",
            help: "Whether HTTP callers may name their own destination URL.", isLive: true),
        .init(
            name: "api.viewTokenFile", kind: .text, standard: "",
            help:
                "Path of a file with the token that ingest nodes and commands send to an acknowledger's API. The token "
                + "needs the scope read."),
        .init(
            name: "api.advertisedURL", kind: .text, standard: "",
            help: "URL under which others reach the API of an acknowledger with --data. It is left in the log, where "
                + "commands find it. By default made of the address that it listens on, or of the machine's name where "
                + "that is 0.0.0.0."),
        .init(
            name: "api.connections", kind: .integer(16...100_000), standard: "1024",
            help: "Maximum connections to the API, half of them from one address. Beyond it, a connection without an "
                + "authenticated caller is closed for a new one, or else an idle one."),
        .init(
            name: "api.trustedProxies", kind: .texts, standard: "",
            help: "Addresses of proxies, as ranges in CIDR form, that say in X-Forwarded-For who the client is. Limits "
                + "by address, the log and acts then name the client. Without it they name the proxy."),
        .init(
            name: "api.slowestBytesPerSecond", kind: .integer(0...1_000_000_000), standard: "256",
            help: "Minimum speed of a request body in bytes per second. A slower client is disconnected after a grace "
                + "period of 10 s."),
        .init(
            name: "records.signing.keyFile", kind: .text, standard: "",
            help: "Path of a file with keys that sign every record, one a line: an id, a space, 32 or more bytes in "
                + "Base64. The first signs, each verifies; a record without a valid signature is refused. All processes "
                + "and commands on a log need the keys. By default records are not signed.",
            isLive: true),
        .init(
            name: "tracing.endpoint", kind: .text, standard: "",
            help: "Base URL of a collector that accepts traces by OTLP/HTTP, such as http://127.0.0.1:4318. By default "
                + "OTEL_EXPORTER_OTLP_ENDPOINT; without both, no traces are sent."),
        .init(
            name: "tracing.headersFile", kind: .text, standard: "",
            help: "Path of a file with headers for the collector, one 'Name: value' per line."),
        .init(
            name: "tracing.percent", kind: .integer(0...100), standard: "100",
            help: "Percentage of the traces started here that are recorded. For a trace started by a caller, the "
                + "caller decides."),
        .init(
            name: "logging.level", kind: .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
            standard: "info", help: "Lowest level that is logged.", isLive: true),
    ]

    package static let named: [String: SettingKey] = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }
}
