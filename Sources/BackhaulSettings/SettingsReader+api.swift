internal import BackhaulDomain
internal import BackhaulUnits

/// Reads the settings of the HTTP API and its callers.
extension SettingsReader {
    func api() throws -> APISettings {
        var api = APISettings()
        api.isAuthenticated = try choice("api.authentication") == "required"
        api.tokensFile = try needs.contains(.callers) ? resolved("api.tokensFile") : raw("api.tokensFile")
        if needs.contains(.callers), !raw("api.tokensFile").isEmpty {
            api.tokens = try TokenFile.read(api.tokensFile)
        }
        api.jwt = try jwt()
        api.tls = try tls()
        api.quota = TenantQuota(
            tasksPerSecond: try integer("api.tasksPerSecond"),
            unacknowledgedTasks: try integer("api.unacknowledgedTasks"), bytesPerDay: try size("api.bytesPerDay"),
            streams: try integer("api.tenantStreams"), connections: try integer("api.tenantConnections"))
        api.fileRoots = try list("api.fileRoots").map { ByteText($0) }
        api.freeURLs = try flag("api.freeURLs")
        api.viewTokenFile = raw("api.viewTokenFile")
        api.advertisedURL = try url("api.advertisedURL", raw("api.advertisedURL"))
        while api.advertisedURL.hasSuffix("/") { api.advertisedURL.removeLast() }
        api.connections = try integer("api.connections")
        api.trustedProxies = try ranges("api.trustedProxies")
        api.slowestBytesPerSecond = ByteCount(clamping: try integer("api.slowestBytesPerSecond"))
        return api
    }

    private func tls() throws -> APISettings.TLS? {
        let names = ["api.tls.certificateFile", "api.tls.keyFile", "api.tls.clientCAFile"]
        guard names.contains(where: { !raw($0).isEmpty }) else { return nil }
        for name in names.prefix(2) where raw(name).isEmpty {
            throw error(name, "is required with the other api.tls settings")
        }
        guard needs.contains(.callers) else {
            return APISettings.TLS(certificateFile: raw(names[0]), keyFile: raw(names[1]), clientCAFile: raw(names[2]))
        }
        return APISettings.TLS(
            certificateFile: try resolved(names[0]), keyFile: try resolved(names[1]),
            clientCAFile: try resolved(names[2]))
    }

    private func jwt() throws -> APISettings.JWT? {
        let names = ["api.jwt.keysURL", "api.jwt.keysFile", "api.jwt.issuer", "api.jwt.audience"]
        guard names.contains(where: { !raw($0).isEmpty }) else { return nil }
        for name in names.suffix(2) where raw(name).isEmpty {
            throw error(name, "is required by api.jwt: a token for another service must not be accepted")
        }
        let url = try url(names[0], raw(names[0]))
        guard url.isEmpty != raw(names[1]).isEmpty else {
            throw error(names[0], "give exactly one of api.jwt.keysURL and api.jwt.keysFile")
        }
        return APISettings.JWT(
            keysURL: url, keysFile: raw(names[1]), issuer: raw(names[2]), audience: raw(names[3]),
            tenantClaim: raw("api.jwt.tenantClaim"), scopeClaim: raw("api.jwt.scopeClaim"),
            type: raw("api.jwt.type"))
    }
}
