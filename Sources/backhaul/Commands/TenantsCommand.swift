import ArgumentParser
import BackhaulDomain
import BackhaulSettings
import BackhaulUnits
import BackhaulWeb

/// Explains what tenants may do.
struct TenantsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenants", abstract: "Explain what a tenant may do.", subcommands: [Check.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what the tasks of a tenant may name, and its limits.",
            discussion: """
                BY HTTP is what ingest nodes accept. BY ANY WAY is what workers upload, whichever program wrote the task's record; \
                the command line, which needs access to the log, is bound by nothing else.

                Example: backhaul tenants check photos --config backhaul.yaml
                """)

        @Argument(help: "The tenant's name.")
        var tenant: ByteText

        @OptionGroup var common: CommonOptions

        @Option(help: "text for people, json for programs.")
        var output: OutputFormat = .text

        private struct Document: Encodable {
            struct Rights: Encodable {
                /// nil for all.
                var roots: [ByteText]?
                var destinations: [ByteText]
                /// nil for any key.
                var keys: [ByteText]?
                var freeURLs: Bool
            }

            var tenant: ByteText
            /// The name or pattern in `tenants` that applies; nil for none.
            var entry: ByteText?
            var http: Rights
            var any: Rights
            /// Over HTTP; 0 for no limit.
            var quota: Quota
        }

        private struct Quota: Encodable {
            var tasksPerSecond: Int
            var unacknowledgedTasks: Int
            var bytesPerDay: UInt64
            var streams: Int
            var connections: Int

            init(_ quota: TenantQuota) {
                tasksPerSecond = quota.tasksPerSecond
                unacknowledgedTasks = quota.unacknowledgedTasks
                bytesPerDay = quota.bytesPerDay.bytes
                streams = quota.streams
                connections = quota.connections
            }
        }

        func validate() throws {
            do {
                try TaskRules.checkTenant(tenant)
            } catch {
                throw ValidationError(error.message)
            }
        }

        func run() async throws {
            let settings = try common.settings(needs: [])
            var open = TenantPolicy.open
            open.freeURLs = settings.freeURLs
            let document = Document(
                tenant: tenant, entry: settings.tenants.entry(of: tenant)?.pattern,
                http: rights(settings.ingestRules.policy(of: tenant), settings),
                any: rights(settings.tenants.policy(of: tenant, base: open), settings),
                quota: Quota(settings.ingestRules.quotas.quota(of: tenant)))
            guard output == .text else { return try Output.json(document) }
            Output.line(
                document.entry.map { "Tenant \(tenant): the entry '\($0)' of tenants applies." }
                    ?? "Tenant \(tenant): no entry of tenants applies.")
            func row(_ name: String, _ value: (Document.Rights) -> String) -> [String] {
                [name, value(document.http), value(document.any)]
            }
            Output.table([
                ["", "BY HTTP", "BY ANY WAY"], row("source roots") { Self.words($0.roots) },
                row("destinations") { Self.words($0.destinations) }, row("keys begin with") { Self.words($0.keys) },
                row("destination URLs") { $0.freeURLs ? "yes" : "no" },
            ])
            func limit(_ count: Int) -> String { count == 0 ? "no limit" : "\(count)" }
            let quota = document.quota
            Output.line("Limits over HTTP:")
            Output.table([
                ["tasks a second", limit(quota.tasksPerSecond)],
                ["unacknowledged tasks", limit(quota.unacknowledgedTasks)],
                ["bytes a day", quota.bytesPerDay == 0 ? "no limit" : SizeText.format(ByteCount(quota.bytesPerDay))],
                ["event streams", "\(quota.streams == 0 ? 64 : quota.streams)"],
                ["connections", limit(quota.connections)],
            ])
        }

        private func rights(_ policy: TenantPolicy, _ settings: Settings) -> Document.Rights {
            func names(_ names: TenantPolicy.Names, _ all: [ByteText]) -> [ByteText] {
                switch names {
                case .all: all.sorted()
                case .only(let names): names.sorted()
                }
            }
            // Without configured roots `submit` registers them, under names that are not known here.
            let isAnyRoot = settings.roots.isEmpty && policy.roots == .all
            return Document.Rights(
                roots: isAnyRoot ? nil : names(policy.roots, Array(settings.roots.keys)),
                destinations: names(policy.destinations, Array(settings.destinations.keys)), keys: policy.keyPrefixes,
                freeURLs: policy.freeURLs && settings.freeURLs)
        }

        private static func words(_ names: [ByteText]?) -> String {
            guard let names else { return "any" }
            return names.isEmpty ? "none" : names.map(\.text).joined(separator: ", ")
        }
    }
}
