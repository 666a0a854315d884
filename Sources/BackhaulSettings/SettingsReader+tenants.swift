internal import BackhaulDomain
internal import BackhaulUnits
internal import Foundation
internal import Yams

/// Reads the section `tenants`: names and patterns of tenants with what their tasks may name.
extension SettingsReader {
    /// An entry and its place in the file.
    struct TenantEntry {
        var rules: TenantRules.Entry
        var place: String
    }

    static let tenantFields = ["roots", "destinations", "keys", "freeURLs", "class"] + quotaFields
    static let quotaFields = [
        "tasksPerSecond", "unacknowledgedTasks", "bytesPerDay", "tenantStreams", "tenantConnections",
    ]

    func readTenants(_ node: Node, _ place: String) throws(SettingsError) -> [TenantEntry] {
        guard let mapping = node.mapping else { throw SettingsError(place, "tenants must be a mapping of names") }
        var entries: [TenantEntry] = []
        for (key, value) in mapping {
            let name = key.scalar?.string ?? "?"
            let place = place.prefix { $0 != "," } + ", line \(key.mark?.line ?? 0)"
            entries.append(try Self.tenant(name, value, String(place)))
        }
        return entries
    }

    private static func tenant(_ name: String, _ value: Node, _ place: String) throws(SettingsError) -> TenantEntry {
        func failure(_ problem: String) -> SettingsError { SettingsError(place, "tenant '\(name)': \(problem)") }
        let fields = try fields(value, Set(tenantFields), "tenant '\(name)'", place)
        // With its star replaced, a pattern is a name.
        let example = name.replacing("*", with: "x", maxReplacements: 1)
        guard (try? TaskRules.checkTenant(ByteText(example))) != nil else {
            throw failure("must be a name of A-Z a-z 0-9 . _ -, or a pattern with one *")
        }
        var rules = TenantRules.Entry(ByteText(name))
        rules.roots = fields["roots"].map(names)
        rules.destinations = fields["destinations"].map(names)
        if let text = fields["keys"] {
            let prefixes = list(text)
            for prefix in prefixes where prefix != "*" {
                // A prefix must leave room for a valid key behind it.
                let key = prefix.replacing("{tenant}", with: "t") + "x"
                guard
                    (try? TaskRules.checkPath(
                        ByteText(key), code: "bad-key", what: "key", limit: TaskRules.largestKey)) != nil
                else {
                    throw failure("keys: '\(prefix)' cannot begin a key")
                }
            }
            guard !prefixes.isEmpty, prefixes == ["*"] || !prefixes.contains("*") else {
                throw failure("keys must be '*' for any key, or what keys begin with, such as '{tenant}/'")
            }
            rules.keyPrefixes = prefixes == ["*"] ? .any : .oneOf(prefixes.map { ByteText($0) })
        }
        switch fields["freeURLs"] {
        case nil: break
        case "true": rules.freeURLs = true
        case "false": rules.freeURLs = false
        default: throw failure("freeURLs must be true or false")
        }
        if let name = fields["class"] {
            guard name.wholeMatch(of: #/[a-z0-9\-]{1,32}/#) != nil else {
                throw failure("class: '\(name)' is not a name of 1 to 32 of a-z 0-9 -")
            }
            rules.tenantClass = name
        }
        rules.quota = try quota(fields, failure)
        return TenantEntry(rules: rules, place: place)
    }

    /// The fields have the names, and take the values, of the settings in the section `api`.
    private static func quota(
        _ fields: [String: String], _ failure: (String) -> SettingsError
    ) throws(SettingsError) -> TenantQuota.Changes {
        func number(_ name: String) throws(SettingsError) -> Int? {
            guard let text = fields[name] else { return nil }
            guard case .integer(let range) = SettingKey.named["api." + name]?.kind, let value = Int(text),
                range.contains(value)
            else { throw failure("\(name): '\(text)' is not a whole number in the allowed range") }
            return value
        }
        var changes = TenantQuota.Changes()
        changes.tasksPerSecond = try number("tasksPerSecond")
        changes.unacknowledgedTasks = try number("unacknowledgedTasks")
        changes.streams = try number("tenantStreams")
        changes.connections = try number("tenantConnections")
        if let text = fields["bytesPerDay"] {
            guard let size = ByteCount(text: text) else {
                throw failure("bytesPerDay: '\(text)' is not a size such as 1TiB")
            }
            changes.bytesPerDay = size
        }
        return changes
    }

    /// Checks an entry against the roots and destinations that exist.
    func check(_ entry: TenantEntry, _ settings: Settings) throws(SettingsError) -> TenantRules.Entry {
        func check(_ names: TenantPolicy.Names?, _ known: [ByteText], _ field: String) throws(SettingsError) {
            guard case .only(let names) = names else { return }
            for name in names.sorted() where !known.contains(name) {
                let near = NearestName.of(name.text, among: known.map(\.text)).map { "; did you mean '\($0)'?" } ?? ""
                throw SettingsError(
                    entry.place, "tenant '\(entry.rules.pattern)': \(field): '\(name)' is not configured\(near)")
            }
        }
        // Without configured roots `submit` registers them, under names of its own.
        if !settings.roots.isEmpty { try check(entry.rules.roots, Array(settings.roots.keys), "roots") }
        try check(entry.rules.destinations, Array(settings.destinations.keys), "destinations")
        return entry.rules
    }

    private static func list(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    private static func names(_ text: String) -> TenantPolicy.Names {
        let names = list(text)
        return names == ["*"] ? .all : .only(Set(names.map { ByteText($0) }))
    }
}
