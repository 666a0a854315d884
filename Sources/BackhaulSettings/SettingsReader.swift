internal import BackhaulDestinations
internal import BackhaulDomain
internal import BackhaulFiles
internal import BackhaulTransfer
internal import BackhaulUnits
internal import Foundation
internal import Yams

/// Reads the settings. The environment overrides the file, and the file overrides the defaults. Command-line flags
/// are applied later, by the commands.
package struct SettingsReader {
    var values: [String: (text: String, place: String)] = [:]
    private var roots: [ByteText: SourceRoots.Configured] = [:]
    private var destinations: [ByteText: Destination] = [:]
    /// The files of secrets that destinations name.
    private var destinationSecrets: [(setting: String, path: String)] = []
    private var tenants: [TenantEntry] = []
    var kafkaProperties: [String: String] = [:]
    /// The value of `OTEL_EXPORTER_OTLP_ENDPOINT`, used when `tracing.endpoint` is empty.
    var collector = ""
    /// The secrets that the process needs.
    var needs = SecretNeeds.all
    /// The value of `SSL_CERT_FILE`, used when `egress.caFile` is empty.
    private var authorities = ""

    /// Variables that stand for command-line flags, not for settings.
    private static let flags: Set<String> = [
        "BACKHAUL_LOG", "BACKHAUL_CONFIG", "BACKHAUL_DATA", "BACKHAUL_LISTEN", "BACKHAUL_ADMIN", "BACKHAUL_API",
    ]

    /// - Parameters:
    ///   - file: the path of a YAML file; nil for none.
    ///   - isNamed: whether somebody has named the file; one that was found must be the user's own or root's.
    ///   - environment: the environment variables of the process.
    ///   - needs: the secrets that are read; those of others are left empty.
    /// - Throws: `SettingsError` for the first error found.
    package static func read(
        file: String?, isNamed: Bool = true, environment: [String: String], needs: SecretNeeds = .all
    ) throws -> Settings {
        var reader = SettingsReader()
        reader.needs = needs
        if let file { try reader.readFile(file, as: isNamed ? .configuration : .foundConfiguration) }
        try reader.readEnvironment(environment)
        reader.collector = environment["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? ""
        reader.authorities = environment["SSL_CERT_FILE"] ?? ""
        var settings = try reader.settings()
        settings.file = file
        settings.isFileNamed = isNamed
        settings.needs = needs
        return settings
    }

    // MARK: Sources

    private mutating func readEnvironment(_ environment: [String: String]) throws {
        let known = Dictionary(SettingKey.all.map { ($0.environmentName, $0.name) }) { first, _ in first }
        for (variable, value) in environment where variable.hasPrefix("BACKHAUL_") {
            if Self.flags.contains(variable) || variable.hasPrefix("BACKHAUL_TEST_") { continue }
            guard let name = known[variable] else {
                if Self.isOfAService(variable, value) { continue }
                let near = NearestName.of(variable, among: known.keys).map { "; did you mean \($0)?" } ?? ""
                throw SettingsError("environment", "variable \(variable) is not a setting\(near)")
            }
            values[name] = (value, "environment variable \(variable)")
        }
    }

    /// Whether Kubernetes sets the variable in every container of a namespace that has a Service named `backhaul` or
    /// `backhaul-…` (its documentation, "Environment variables" of "Service").
    private static func isOfAService(_ variable: String, _ value: String) -> Bool {
        if variable.wholeMatch(of: #/BACKHAUL_(\w+_)?SERVICE_(HOST|PORT(_\w+)?)/#) != nil { return true }
        if variable.wholeMatch(of: #/BACKHAUL_(\w+_)?PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?/#) != nil {
            return true
        }
        return variable.hasSuffix("_PORT") && value.wholeMatch(of: #/(tcp|udp|sctp):\/\/.*/#) != nil
    }

    private mutating func readFile(_ path: String, as use: SecretFile.Use) throws {
        let text: String
        do {
            text = try SecretFile.read(path, as: use)
        } catch {
            throw SettingsError(path, "the configuration file \(error)")
        }
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch {
            throw SettingsError(path, "not valid YAML: \(Self.text(error))")
        }
        guard let node, node.null == nil else { return }
        guard let mapping = node.mapping else { throw SettingsError(path, "the file must hold a mapping of settings") }
        try readMapping(mapping, prefix: "", path)
    }

    /// What is wrong and where, without the value: it may be a secret.
    private static func text(_ error: any Error) -> String {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            "line \(mark.line), column \(mark.column): \(problem)"
        case .duplicatedKeysInMapping(_, let context):
            "line \(context.mark.line): a key occurs twice"
        default: "it cannot be read"
        }
    }

    private mutating func readMapping(_ mapping: Node.Mapping, prefix: String, _ path: String) throws {
        for (key, value) in mapping {
            let name = prefix + (key.scalar?.string ?? "?")
            let place = "\(path), line \(key.mark?.line ?? 0)"
            switch name {
            case "destinations": try readDestinations(value, place)
            case "sources.roots": try readRoots(value, place)
            case "tenants": tenants = try readTenants(value, place)
            case "kafka.properties" where value.mapping != nil: try readProperties(value, prefix: "", place)
            default:
                if let section = value.mapping, SettingKey.named[name] == nil, Self.isSection(name) {
                    try readMapping(section, prefix: name + ".", path)
                } else if SettingKey.named[name] != nil {
                    values[name] = (try Self.text(value, name, place), place)
                } else {
                    throw Self.unknown(name, place, Self.allNames)
                }
            }
        }
    }

    private static let allNames = SettingKey.all.map(\.name) + ["destinations", "sources.roots", "sources", "tenants"]

    private static func isSection(_ name: String) -> Bool {
        name == "sources" || SettingKey.all.contains { $0.name.hasPrefix(name + ".") }
    }

    private static func unknown(_ name: String, _ place: String, _ known: [String]) -> SettingsError {
        let near = NearestName.of(name, among: known).map { "; did you mean '\($0)'?" } ?? ""
        return SettingsError(place, "unknown setting '\(name)'\(near)")
    }

    private static func text(_ node: Node, _ name: String, _ place: String) throws(SettingsError) -> String {
        if let scalar = node.scalar { return scalar.string }
        if let sequence = node.sequence {
            let texts = sequence.compactMap { $0.scalar?.string }
            guard texts.count == sequence.count else { throw SettingsError(place, "'\(name)' must be a plain list") }
            return texts.joined(separator: ",")
        }
        throw SettingsError(place, "'\(name)' must be a plain value or a list")
    }

    // MARK: Sections

    static func fields(
        _ node: Node, _ known: Set<String>, _ what: String, _ place: String, likely: [String]? = nil
    ) throws(SettingsError) -> [String: String] {
        guard let mapping = node.mapping else { throw SettingsError(place, "\(what) must be a mapping") }
        var fields: [String: String] = [:]
        for (key, value) in mapping {
            let name = key.scalar?.string ?? "?"
            let line = place.prefix { $0 != "," } + ", line \(key.mark?.line ?? 0)"
            guard known.contains(name) else { throw unknown(name, String(line), likely ?? Array(known)) }
            fields[name] = try text(value, name, String(line))
        }
        return fields
    }

    /// Reads a mapping from names to paths or to `{path, marker}`, or a list of paths or `{name, path, marker}`.
    private mutating func readRoots(_ node: Node, _ place: String) throws {
        var found: [(String, SourceRoots.Configured)] = []
        if let mapping = node.mapping {
            for (key, value) in mapping {
                let name = key.scalar?.string ?? "?"
                if let path = value.scalar?.string {
                    found.append((name, SourceRoots.Configured(path: path)))
                } else {
                    let fields = try Self.fields(value, ["path", "marker"], "root '\(name)'", place)
                    found.append((name, SourceRoots.Configured(path: fields["path"] ?? "", marker: fields["marker"])))
                }
            }
        } else {
            guard let items = node.sequence else {
                throw SettingsError(place, "sources.roots must be a mapping of names and paths, or a list")
            }
            for item in items {
                if let path = item.scalar?.string {
                    let name = String(path.split(separator: "/").last ?? "root")
                    found.append((name, SourceRoots.Configured(path: path)))
                    continue
                }
                let fields = try Self.fields(item, ["name", "path", "marker"], "a root", place)
                found.append(
                    (fields["name"] ?? "", SourceRoots.Configured(path: fields["path"] ?? "", marker: fields["marker"]))
                )
            }
        }
        for (name, root) in found {
            do {
                try TaskRules.checkName(ByteText(name), what: "root")
            } catch {
                throw SettingsError(place, error.message)
            }
            guard root.path.hasPrefix("/") else { throw SettingsError(place, "root '\(name)' needs an absolute path") }
            guard roots.updateValue(root, forKey: ByteText(name)) == nil else {
                throw SettingsError(place, "root '\(name)' is defined twice")
            }
        }
    }

    /// Reads properties whose names have dots or are split into nested mappings.
    private mutating func readProperties(_ node: Node, prefix: String, _ place: String) throws {
        for (key, value) in node.mapping ?? [:] {
            let name = prefix + (key.scalar?.string ?? "?")
            if value.mapping != nil {
                try readProperties(value, prefix: name + ".", place)
            } else {
                kafkaProperties[name] = try Self.text(value, name, place)
            }
        }
    }

    private mutating func readDestinations(_ node: Node, _ place: String) throws {
        guard let mapping = node.mapping else { throw SettingsError(place, "destinations must be a mapping of names") }
        for (key, value) in mapping {
            let name = key.scalar?.string ?? "?"
            let place = place.prefix { $0 != "," } + ", line \(key.mark?.line ?? 0)"
            do {
                try TaskRules.checkName(ByteText(name), what: "destination")
            } catch {
                throw SettingsError(String(place), error.message)
            }
            destinations[ByteText(name)] = try destination(value, name, String(place))
            let secrets = Set(DestinationTypes.all.flatMap { $0.fields }.filter { $0.kind == .secretFile }.map(\.name))
            for field in secrets.sorted() {
                guard let path = value.mapping?[Node(field)]?.scalar?.string else { continue }
                destinationSecrets.append(("destinations.\(name).\(field)", path))
            }
        }
    }

    private func destination(_ node: Node, _ name: String, _ place: String) throws -> Destination {
        let common = ["type", "order", "overwrite"]
        let known = common + DestinationTypes.all.flatMap { $0.fields.map(\.name) }
        let own = (node.mapping?["type"]?.scalar?.string).flatMap(DestinationTypes.named).map { $0.fields.map(\.name) }
        var fields = try Self.fields(
            node, Set(known), "destination '\(name)'", place, likely: own.map { common + $0 } ?? known)
        func failure(_ problem: String) -> SettingsError { SettingsError(place, "destination '\(name)': \(problem)") }
        let types = DestinationTypes.all.map { $0.name }
        guard let type = fields.removeValue(forKey: "type").flatMap(DestinationTypes.named) else {
            throw failure("type must be one of \(types.joined(separator: ", "))")
        }
        let order = fields.removeValue(forKey: "order").map(Destination.Order.init(rawValue:)) ?? Destination.Order.none
        guard let order else {
            let all = Destination.Order.allCases.map(\.rawValue).joined(separator: ", ")
            throw failure("order must be one of \(all)")
        }
        let overwrite =
            fields.removeValue(forKey: "overwrite").map(OverwritePolicy.init(rawValue:)) ?? OverwritePolicy.replace
        guard let overwrite else {
            let all = OverwritePolicy.allCases.map(\.rawValue).joined(separator: ", ")
            throw failure("overwrite must be one of \(all)")
        }
        do {
            var destination = try Self.make(
                type, try DestinationFields(fields, of: type, readsSecrets: needs.contains(.destinations)), order)
            destination.overwrite = overwrite
            return destination
        } catch let error as DestinationFields.InvalidError {
            throw failure(error.description)
        }
    }

    private static func make(
        _ type: (some DestinationType).Type, _ fields: DestinationFields, _ order: Destination.Order
    ) throws -> Destination {
        Destination(try type.init(fields), order: order)
    }

    // MARK: Values

    private static let secretNames = [
        "kafka.passwordFile", "kafka.keyPasswordFile", "kafka.oauth.clientSecretFile", "api.viewTokenFile",
        "api.tls.keyFile",
        "tracing.headersFile", "records.signing.keyFile",
    ]

    /// - Throws: `SettingsError` for a file that cannot be read.
    private func caFile() throws -> String? {
        let file = raw("egress.caFile")
        // The variable is for all programs of the machine. As OpenSSL does, this one goes on without the file.
        if file.isEmpty { return access(authorities, R_OK) == 0 ? authorities : nil }
        guard access(file, R_OK) == 0 else {
            throw error("egress.caFile", "\(file) cannot be read: \(String(cString: strerror(errno)))")
        }
        return file
    }

    private func settings() throws -> Settings {
        var settings = Settings()
        settings.layout = TopicLayout(prefix: try prefix())
        settings.partitions = try integer("topics.partitions")
        settings.workRetention = try duration("retention.work")
        settings.resultsRetention = try duration("retention.results")
        settings.deadLettersRetention = try duration("retention.deadLetters")
        settings.actsRetention = try duration("retention.acts")
        settings.policy = RetryPolicy(
            tiers: try tiers(), maxAttempts: try integer("retry.maxAttempts"), jitter: try fraction("retry.jitter"),
            parkDelay: try duration("retry.parkDelay"), maxRetryAfter: try duration("retry.maxRetryAfter"),
            maxCrashes: try integer("retry.maxCrashes"), breakerFailures: try integer("retry.breakerFailures"))
        settings.uploads = try integer("limits.uploads")
        settings.largeUploads = try integer("limits.largeUploads")
        settings.uploadsPerDestination = try integer("limits.uploadsPerDestination")
        settings.uploadsPerTenant = try integer("limits.uploadsPerTenant")
        settings.largeThreshold = try size("limits.largeThreshold")
        settings.transfers = TransferLimits(
            // More than uploads: some send several parts at a time, and one host must not have all.
            transfers: 4 * (settings.uploads + settings.largeUploads),
            transfersPerHost: try integer("limits.uploadsPerHost"),
            connectTimeout: try duration("limits.connectTimeout"),
            stallBytesPerSecond: ByteCount(clamping: try integer("limits.stallBytesPerSecond")),
            stallTimeout: try duration("limits.stallTimeout"),
            answerTimeout: try duration("limits.answerTimeout"),
            attemptTimeout: try duration("limits.attemptTimeout"), authorities: try caFile())
        settings.markAfter = try duration("worker.markAfter")
        settings.reportEvery = try duration("worker.reportEvery")
        settings.grace = try duration("shutdown.grace")
        settings.maximumShutdown = try duration("shutdown.maximum")
        settings.api = try api()
        settings.tracing = try tracing()
        settings.egressAllow = try ranges("egress.allow")
        settings.freeURLs = try flag("egress.freeURLs")
        settings.logURL = raw("log.url")
        settings.durability = try choice("log.durability")
        settings.logLevel = try choice("logging.level")
        settings.replication = try integer("topics.replication")
        settings.kafka = try kafka()
        settings.signingKeys = try text(ofSecretFile: "records.signing.keyFile")
        settings.secretFiles = (Self.secretNames.map { ($0, raw($0)) } + destinationSecrets).filter { !$0.1.isEmpty }
        settings.roots = roots
        settings.destinations = destinations
        settings.tenants = TenantRules(try tenants.map { try check($0, settings) })
        guard settings.resultsRetention >= settings.workRetention else {
            throw error("retention.results", "must not be shorter than retention.work, or an audit would miss results")
        }
        guard settings.deadLettersRetention >= settings.resultsRetention else {
            throw error(
                "retention.deadLetters",
                "must not be shorter than retention.results, or a failed file could be neither replayed nor submitted "
                    + "again")
        }
        settings.texts = SettingKey.all.map { key in
            (key.name, values[key.name]?.text ?? key.standard, values[key.name]?.place ?? "default")
        }
        return settings
    }
}
