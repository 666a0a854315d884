internal import BackhaulDestinations
internal import Foundation

/// Generates reference documents from the table of settings, for people and for editors.
package enum SettingsReference {
    /// The Markdown table of all scalar settings in docs/CONFIGURATION.md.
    package static var markdown: String {
        var text = "| setting | environment variable | takes | default | what it does |\n|---|---|---|---|---|\n"
        for key in SettingKey.all {
            let standard = key.standard.isEmpty ? "none" : "`\(key.standard)`"
            let live = key.isLive ? " Reloaded at SIGHUP." : ""
            text +=
                "| `\(key.name)` | `\(key.environmentName)` | \(key.kind.words) | \(standard) | \(key.help)\(live) |\n"
        }
        return text
    }

    /// A JSON Schema (draft 2020-12) of the configuration file. It describes both forms of a setting: inside its
    /// section and under its full name.
    package static var schema: String {
        var root: [String: Any] = [:]
        for key in SettingKey.all {
            let parts = key.name.split(separator: ".").map(String.init)
            let own = description(key)
            root[key.name] = own
            insert(own, parts[...], into: &root)
        }
        // Property names have dots, and values are of any type.
        if var kafka = root["kafka"] as? [String: Any], var inside = kafka["properties"] as? [String: Any] {
            inside["properties"] = [
                "description": "librdkafka properties, by name.", "type": ["object", "string", "array"],
            ]
            kafka["properties"] = inside
            root["kafka"] = kafka
        }
        let roots: [String: Any] = [
            "description": "Source roots by name: a path, or a path and a marker file that must exist.",
            "type": ["object", "array"],
        ]
        root["sources"] = section(["roots": roots])
        root["sources.roots"] = roots
        root["destinations"] = destinations
        root["tenants"] = tenants
        let schema: [String: Any] = [
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Backhaul's configuration file",
            "type": "object", "additionalProperties": false, "properties": root,
        ]
        let options: JSONSerialization.WritingOptions = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Cannot fail: it holds only texts and numbers of this program.
        let data = (try? JSONSerialization.data(withJSONObject: schema, options: options)) ?? Data()
        return String(decoding: data, as: UTF8.self) + "\n"
    }

    private static func section(_ properties: [String: Any]) -> [String: Any] {
        ["type": "object", "additionalProperties": false, "properties": properties]
    }

    private static func insert(_ value: [String: Any], _ path: ArraySlice<String>, into object: inout [String: Any]) {
        guard let first = path.first, path.count > 1 else {
            if let name = path.first { object[name] = value }
            return
        }
        var inside = object[first] as? [String: Any] ?? section([:])
        var properties = inside["properties"] as? [String: Any] ?? [:]
        insert(value, path.dropFirst(), into: &properties)
        inside["properties"] = properties
        object[first] = inside
    }

    private static func description(_ key: SettingKey) -> [String: Any] {
        var found: [String: Any] = ["description": key.help]
        switch key.kind {
        case .text: found["type"] = "string"
        case .integer(let range): set(range, in: &found)
        case .duration:
            found["type"] = "string"
            found["pattern"] = "^[0-9]+(ms|s|m|h|d)$"
        case .size:
            found["type"] = ["string", "integer"]
            found["pattern"] = sizePattern
        case .fraction:
            found["type"] = "number"
            found["minimum"] = 0
            found["maximum"] = 0.5
        case .flag: found["type"] = "boolean"
        case .choice(let all): found["enum"] = all
        case .durations, .texts: found["type"] = ["array", "string"]
        }
        if !key.standard.isEmpty { found["default"] = value(key) }
        return found
    }

    private static let sizePattern = "^[0-9]+(B|KiB|MiB|GiB|TiB)?$"

    private static func set(_ range: ClosedRange<Int>, in found: inout [String: Any]) {
        found["type"] = "integer"
        found["minimum"] = range.lowerBound
        found["maximum"] = range.upperBound
    }

    private static func value(_ key: SettingKey) -> Any {
        switch key.kind {
        case .integer: Int(key.standard) ?? 0
        case .fraction: Double(key.standard) ?? 0
        case .flag: key.standard == "true"
        default: key.standard
        }
    }

    private static var destinations: [String: Any] {
        let order: [String: Any] = [
            "description": orderHelp, "enum": Destination.Order.allCases.map(\.rawValue),
            "default": Destination.Order.none.rawValue,
        ]
        let overwrite: [String: Any] = [
            "description": overwriteHelp, "enum": OverwritePolicy.allCases.map(\.rawValue),
            "default": OverwritePolicy.replace.rawValue,
        ]
        let types = DestinationTypes.all.map { type in
            var properties: [String: Any] = ["type": ["const": type.name], "order": order, "overwrite": overwrite]
            for field in type.fields { properties[field.name] = description(field) }
            var found = section(properties)
            found["description"] = type.summary
            found["required"] = ["type"] + type.fields.filter(\.isRequired).map(\.name)
            return found
        }
        return [
            "description": "Destinations of uploads, by name.", "type": "object",
            "additionalProperties": ["oneOf": types],
        ]
    }

    private static var tenants: [String: Any] {
        func names(_ help: String) -> [String: Any] {
            ["description": help, "type": ["array", "string"], "items": ["type": "string"]]
        }
        var fields: [String: Any] = [
            "roots": names("Source roots that its tasks may name; * for all."),
            "destinations": names("Destinations that its tasks may name; * for all."),
            "keys": names("What its keys must begin with, such as {tenant}/; * for any key."),
            "freeURLs": ["description": "Whether its tasks may carry a destination URL.", "type": "boolean"],
            "class": ["description": "Groups tenants in metrics.", "type": "string", "pattern": "^[a-z0-9-]{1,32}$"],
        ]
        for name in SettingsReader.quotaFields {
            guard let key = SettingKey.named["api." + name] else { continue }
            fields[name] = ["description": "In place of api.\(name). " + key.help, "type": ["integer", "string"]]
        }
        let entry = section(fields)
        return [
            "description": "What tenants may name, by the tenant's name or a pattern with one *.", "type": "object",
            "additionalProperties": entry,
        ]
    }

    private static func description(_ field: DestinationField) -> [String: Any] {
        var found: [String: Any] = ["description": field.help]
        switch field.kind {
        case .text, .secretFile, .file: found["type"] = "string"
        case .choice(let all): found["enum"] = all
        case .size:
            found["type"] = ["string", "integer"]
            found["pattern"] = sizePattern
        case .integer(let range): set(range, in: &found)
        }
        if let standard = field.standard {
            if case .integer = field.kind { found["default"] = Int(standard) ?? 0 } else { found["default"] = standard }
        }
        return found
    }

    private static let orderHelp = "In which order uploads to one key run; see below."
    private static let overwriteHelp = "What an upload does when its key holds an object already; see below."

    /// The types of destinations in Markdown, as docs/CONFIGURATION.md has them.
    package static var destinationTypes: String {
        var text = ""
        for type in DestinationTypes.all {
            text += "### `type: \(type.name)`\n\n\(type.summary)\n\n| field | default | what it does |\n|---|---|---|\n"
            for field in type.fields {
                let standard = field.standard.map { "`\($0)`" } ?? (field.isRequired ? "required" : "none")
                var help = field.help
                if case .choice(let all) = field.kind {
                    help = all.map { "`\($0)`" }.joined(separator: ", ") + ". " + help
                }
                text += "| `\(field.name)` | \(standard) | \(help) |\n"
            }
            text += "| `order` | `\(Destination.Order.none.rawValue)` | \(orderHelp) |\n"
            text += "| `overwrite` | `\(OverwritePolicy.replace.rawValue)` | \(overwriteHelp) |\n\n"
            text += "| a result's `verification` | what was checked |\n|---|---|\n"
            for (word, meaning) in type.verifications { text += "| `\(word.rawValue)` | \(meaning) |\n" }
            text += "\n"
        }
        return text
    }
}
