internal import BackhaulDomain
internal import BackhaulUnits
internal import Foundation
internal import Yams

/// Reads the settings of the HTTP API and its callers.
extension SettingsReader {
    func api() throws -> APISettings {
        var api = APISettings()
        api.isAuthenticated = try choice("api.authentication") == "required"
        if !raw("api.tokensFile").isEmpty { api.tokens = try tokens(raw("api.tokensFile")) }
        api.jwt = try jwt()
        api.tasksPerSecond = try integer("api.tasksPerSecond")
        api.unacknowledgedTasks = try integer("api.unacknowledgedTasks")
        api.fileRoots = try list("api.fileRoots").map { ByteText($0) }
        api.freeURLs = try flag("api.freeURLs")
        api.viewTokenFile = raw("api.viewTokenFile")
        api.slowestBytesPerSecond = ByteCount(clamping: try integer("api.slowestBytesPerSecond"))
        return api
    }

    private func jwt() throws -> APISettings.JWT? {
        let names = ["api.jwt.keysURL", "api.jwt.keysFile", "api.jwt.issuer", "api.jwt.audience"]
        guard names.contains(where: { !raw($0).isEmpty }) else { return nil }
        for name in names.suffix(2) where raw(name).isEmpty {
            throw error(name, "is required by api.jwt: a token for another service must not be accepted")
        }
        let url = raw(names[0])
        guard url.isEmpty != raw(names[1]).isEmpty else {
            throw error(names[0], "give exactly one of api.jwt.keysURL and api.jwt.keysFile")
        }
        guard url.isEmpty || url.hasPrefix("https://") || url.hasPrefix("http://") else {
            throw error(names[0], "must begin with https:// (or http://, for an issuer on the same machine)")
        }
        return APISettings.JWT(
            keysURL: url, keysFile: raw(names[1]), issuer: raw(names[2]), audience: raw(names[3]),
            tenantClaim: raw("api.jwt.tenantClaim"), scopeClaim: raw("api.jwt.scopeClaim"))
    }

    /// Reads `name: {sha256, scopes, tenant}` pairs. Messages never show the value in place of the hash: it might
    /// be a token.
    private func tokens(_ path: String) throws -> [APISettings.Token] {
        let node: Node?
        do {
            node = try Yams.compose(yaml: try String(contentsOfFile: path, encoding: .utf8))
        } catch {
            throw self.error("api.tokensFile", "\(path) cannot be read as YAML")
        }
        guard let node, node.null == nil else { return [] }
        guard let mapping = node.mapping else {
            throw SettingsError(path, "the token file must hold a mapping of names")
        }
        var found: [APISettings.Token] = []
        for (key, value) in mapping {
            let name = key.scalar?.string ?? "?"
            let place = "\(path), line \(key.mark?.line ?? 0)"
            let fields = try Self.fields(value, ["sha256", "scopes", "tenant"], "token '\(name)'", place)
            let hash = fields["sha256"]?.lowercased() ?? ""
            guard hash.utf8.count == 64, Hex.decode(hash) != nil else {
                throw SettingsError(
                    place, "token '\(name)' needs sha256: 64 hex digits, as 'backhaul token' prints them")
            }
            let scopes = (fields["scopes"] ?? "").split(separator: ",").map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard !scopes.isEmpty, scopes.allSatisfy({ ["submit", "read", "operate"].contains($0) }) else {
                throw SettingsError(place, "token '\(name)' needs scopes: one or more of submit, read, operate")
            }
            guard let tenant = fields["tenant"].map({ ByteText($0) }) else {
                throw SettingsError(place, "token '\(name)' needs a tenant; '*' means all tenants")
            }
            if tenant != "*" {
                do {
                    try TaskRules.checkTenant(tenant)
                } catch {
                    throw SettingsError(place, "token '\(name)': \(error.message)")
                }
            }
            guard !found.contains(where: { $0.sha256 == hash }) else {
                throw SettingsError(place, "token '\(name)' has the same hash as another token")
            }
            found.append(
                APISettings.Token(name: name, sha256: hash, scopes: scopes, tenant: tenant == "*" ? nil : tenant))
        }
        return found
    }
}
