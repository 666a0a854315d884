import ArgumentParser
import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulSettings
import BackhaulTransfer
import Foundation

/// Checks and shows the configuration.
struct Config: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check or show the configuration.", subcommands: [Check.self, Show.self, Reference.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check the configuration; exits 2 when it cannot be used.")

        @OptionGroup var common: CommonOptions

        func run() async throws {
            let settings = try common.settings(needs: .all)
            try settings.checkKafkaProperties()
            _ = try settings.recordKeys()
            Output.line("the configuration is usable")
        }
    }

    struct Reference: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print all settings, as a Markdown table or as a JSON Schema of the file.")

        enum Format: String, ExpressibleByArgument, CaseIterable {
            case markdown
            case schema
            case destinations
        }

        @Option(help: "markdown, schema, or destinations (their types, in Markdown).")
        var format = Format.markdown

        func run() async throws {
            let text =
                switch format {
                case .markdown: SettingsReference.markdown
                case .schema: SettingsReference.schema
                case .destinations: SettingsReference.destinationTypes
                }
            Output.write(Data(text.utf8.dropLast(text.hasSuffix("\n") ? 1 : 0)))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show every setting, its value and its origin. Secrets are not shown.")

        @OptionGroup var common: CommonOptions

        @Option(help: "text for people, json for programs.")
        var output: OutputFormat = .text

        private struct Line: Encodable {
            var setting: String
            var value: String
            var from: String
        }

        func run() async throws {
            let settings = try common.settings(needs: [])
            // Rejects secrets among the properties, which must not be shown.
            try settings.checkKafkaProperties()
            var lines = settings.texts.map { Line(setting: $0.name, value: $0.value, from: $0.from) }
            for (name, value) in settings.kafka.properties.sorted(by: { $0.key < $1.key }) {
                lines.append(Line(setting: "kafka.properties.\(name)", value: value, from: "configuration"))
            }
            for (name, root) in settings.roots.sorted(by: { $0.key < $1.key }) {
                lines.append(Line(setting: "sources.roots.\(name)", value: root.path, from: "configuration file"))
            }
            for (name, destination) in settings.destinations.sorted(by: { $0.key < $1.key }) {
                lines.append(
                    Line(
                        setting: "destinations.\(name)",
                        value: "\(destination.type.description) order=\(destination.order.rawValue) "
                            + "overwrite=\(destination.overwrite.rawValue)",
                        from: "configuration file"))
            }
            for entry in settings.tenants.entries {
                lines.append(
                    Line(
                        setting: "tenants.\(entry.pattern)", value: Self.text(entry), from: "configuration file"))
            }
            if output == .json {
                for line in lines { try Output.json(line) }
                return
            }
            Output.table([["SETTING", "VALUE", "FROM"]] + lines.map { [$0.setting, $0.value, $0.from] })
        }

        private static func text(_ entry: TenantRules.Entry) -> String {
            func text(_ name: String, _ names: TenantPolicy.Names?) -> String? {
                switch names {
                case .all: "\(name)=*"
                case .only(let names): "\(name)=\(names.sorted().map(\.text).joined(separator: ","))"
                case nil: nil
                }
            }
            let keys: String? =
                switch entry.keyPrefixes {
                case .any: "keys=*"
                case .oneOf(let prefixes): "keys=\(prefixes.map(\.text).joined(separator: ","))"
                case nil: nil
                }
            return [
                text("roots", entry.roots), text("destinations", entry.destinations), keys,
                entry.freeURLs.map { "freeURLs=\($0)" }, entry.tenantClass.map { "class=\($0)" },
            ].compactMap(\.self).joined(separator: " ")
        }
    }
}
