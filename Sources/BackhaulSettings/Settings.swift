package import BackhaulDestinations
package import BackhaulDomain
package import BackhaulFiles
package import BackhaulTransfer
package import BackhaulUnits

/// The whole configuration, validated.
package struct Settings: Sendable {
    package var layout = TopicLayout()
    package var partitions = 8
    package var replication = 3
    package var workRetention = Duration.zero
    package var resultsRetention = Duration.zero
    package var deadLettersRetention = Duration.zero
    package var actsRetention = Duration.zero
    package var policy = RetryPolicy.standard
    package var uploads = 0
    /// Transfers that hold a file: the others of an upload in parts hold a socket each.
    package var transfersWithFiles: Int {
        let files = uploads + largeUploads
        return files + max(0, transfers.transfers - files) / 6
    }
    package var largeUploads = 0
    /// 0 for half of all.
    package var uploadsPerDestination = 0
    /// 0 for no limit of its own.
    package var uploadsPerTenant = 0
    package var largeThreshold = ByteCount.zero
    package var transfers = TransferLimits.standard
    package var markAfter = Duration.zero
    package var reportEvery = Duration.zero
    package var grace = Duration.zero
    package var egressAllow: [AddressRange] = []
    package var freeURLs = true
    /// The path of the file that was read; nil for none.
    package var file: String?
    /// Whether somebody has named that file; one that was found must be the user's own or root's.
    package var isFileNamed = true
    /// The secrets that were read.
    package var needs = SecretNeeds.all
    /// Empty when the configuration names no log.
    package var logURL = ""
    package var durability = "fsync"
    package var logLevel = "info"
    package var maximumShutdown = Duration.zero
    package var kafka = KafkaSettings()
    package var tracing = TracingSettings()
    package var api = APISettings()
    package var roots: [ByteText: SourceRoots.Configured] = [:]
    package var destinations: [ByteText: Destination] = [:]
    package var tenants = TenantRules()
    /// The text of the file with the keys that sign records; nil where they are not signed.
    package var signingKeys: Secret?
    /// The files that hold credentials, and the settings that name them.
    package var secretFiles: [(setting: String, path: String)] = []
    /// Every scalar setting as text, for display, with its origin. Secrets appear only as the names of their files.
    package var texts: [(name: String, value: String, from: String)] = []

    package init() {}

    /// Whether the configuration itself, and not a default, limits unacknowledged tasks of some tenant.
    package var limitsUnacknowledged: Bool {
        let isStated = texts.contains { $0.name == "api.unacknowledgedTasks" && $0.from != "default" }
        return isStated && api.quota.unacknowledgedTasks > 0
            || tenants.entries.contains { ($0.quota.unacknowledgedTasks ?? 0) > 0 }
    }

    /// The shortest time for which records are kept.
    package var shortestRetention: Duration {
        min(workRetention, resultsRetention, deadLettersRetention, actsRetention)
    }
}
