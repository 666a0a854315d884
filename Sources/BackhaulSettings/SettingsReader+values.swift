internal import BackhaulDomain
internal import BackhaulUnits
internal import Foundation

/// Parses the texts of settings by their kind.
extension SettingsReader {
    func raw(_ name: String) -> String { values[name]?.text ?? SettingKey.named[name]?.standard ?? "" }

    func error(_ name: String, _ problem: String) -> SettingsError {
        SettingsError(values[name]?.place ?? "default", "\(name): \(problem)")
    }

    func prefix() throws -> String {
        let text = raw("topics.prefix")
        // Kafka's rule for topic names. The longest name after the prefix has 20 characters.
        let isPlain = text.utf8.allSatisfy {
            ($0 < 0x80 && Character(UnicodeScalar($0)).isLetter) || (0x30...0x39).contains($0)
                || [0x2e, 0x5f, 0x2d].contains($0)
        }
        guard isPlain, text.utf8.count <= 200 else {
            throw error("topics.prefix", "must be at most 200 of a-z A-Z 0-9 . _ -")
        }
        return text
    }

    func integer(_ name: String) throws -> Int {
        guard case .integer(let range) = SettingKey.named[name]?.kind, let value = Int(raw(name)), range.contains(value)
        else {
            throw error(name, "'\(raw(name))' is not a whole number in the allowed range")
        }
        return value
    }

    func ranges(_ name: String) throws -> [AddressRange] {
        try list(name).map { text in
            guard let range = AddressRange(text) else {
                throw error(name, "'\(text)' is not an address range such as 10.0.0.0/8")
            }
            return range
        }
    }

    func duration(_ name: String) throws -> Duration {
        guard let value = DurationText.parse(raw(name)) else {
            throw error(name, "'\(raw(name))' is not a duration such as 500ms, 10s, 1m, 6h or 1d")
        }
        return value
    }

    /// An http or https URL without a user name and a password; empty when the setting is.
    func url(_ name: String, _ text: String) throws -> String {
        guard !text.isEmpty else { return text }
        guard text.hasPrefix("http://") || text.hasPrefix("https://") else {
            throw error(name, "must begin with https:// or http://")
        }
        let authority = text.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 3).dropFirst().first ?? []
        guard !authority.contains(UInt8(ascii: "@")) else {
            throw error(name, "must not hold a user name or a password")
        }
        return text
    }

    func tracing() throws -> TracingSettings {
        var tracing = TracingSettings()
        tracing.endpoint = try url(
            "tracing.endpoint", raw("tracing.endpoint").isEmpty ? collector : raw("tracing.endpoint"))
        tracing.headersFile = raw("tracing.headersFile")
        tracing.share = Ratio(clamping: Double(try integer("tracing.percent")) / 100)
        return tracing
    }

    func tiers() throws -> [Duration] {
        let tiers = try list("retry.tiers").map { text in
            guard let value = DurationText.parse(text), value >= .milliseconds(100) else {
                throw error("retry.tiers", "'\(text)' is not a duration of 100ms or more")
            }
            return value
        }
        guard !tiers.isEmpty, tiers == tiers.sorted(), Set(tiers).count == tiers.count else {
            throw error("retry.tiers", "must be one or more durations in ascending order")
        }
        return tiers
    }

    func fraction(_ name: String) throws -> Ratio {
        guard let value = Double(raw(name)), (0...0.5).contains(value) else {
            throw error(name, "'\(raw(name))' is not a number from 0 to 0.5")
        }
        return Ratio(clamping: value)
    }

    func flag(_ name: String) throws -> Bool {
        switch raw(name) {
        case "true": return true
        case "false": return false
        default: throw error(name, "must be true or false")
        }
    }

    func choice(_ name: String) throws -> String {
        guard case .choice(let all) = SettingKey.named[name]?.kind, all.contains(raw(name)) else {
            throw error(name, "'\(raw(name))' is not one of the allowed values")
        }
        return raw(name)
    }

    func list(_ name: String) throws -> [String] {
        raw(name).split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    func size(_ name: String) throws -> ByteCount {
        guard let size = ByteCount(text: raw(name)) else {
            throw error(name, "'\(raw(name))' is not a size such as 65536, 64KiB or 1GiB")
        }
        return size
    }
}
