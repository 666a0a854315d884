internal import BackhaulDestinations
internal import BackhaulDomain
package import BackhaulUnits
internal import Foundation
internal import Yams

/// The file that `api.tokensFile` names: a YAML mapping from a caller's name to `{sha256, scopes, tenant, expires}`.
package enum TokenFile {
    /// Reads every token. Messages never show the value in place of a hash: it might be a token.
    /// - Throws: `SettingsError` with the line.
    package static func read(_ path: String) throws(SettingsError) -> [APISettings.Token] {
        try tokens(of: text(path), path)
    }

    private static func text(_ path: String) throws(SettingsError) -> String {
        do {
            return try SecretFile.read(path)
        } catch {
            throw SettingsError(path, "the token file \(error)")
        }
    }

    /// - Parameter path: for messages.
    package static func tokens(of text: String, _ path: String) throws(SettingsError) -> [APISettings.Token] {
        guard let mapping = try mapping(text, path) else { return [] }
        var found: [APISettings.Token] = []
        var hashes: Set<String> = []
        for (key, value) in mapping {
            let token = try token(key, value, path)
            for hash in token.sha256 {
                guard hashes.insert(hash).inserted else {
                    throw SettingsError(place(path, key), "token '\(token.name)' has the hash of another token")
                }
            }
            found.append(token)
        }
        return found
    }

    private static func mapping(_ text: String, _ path: String) throws(SettingsError) -> Node.Mapping? {
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch let YamlError.duplicatedKeysInMapping(duplicates, context) {
            let names = duplicates.sorted().map { "'\($0)'" }.joined(separator: ", ")
            throw SettingsError(
                "\(path), line \(context.mark.line)",
                "the name \(names) occurs twice; keep one entry ('backhaul token NAME --rotate FILE' adds a second secret)"
            )
        } catch let YamlError.scanner(_, problem, mark, _) {
            throw SettingsError("\(path), line \(mark.line)", "the token file is not YAML: \(problem)")
        } catch let YamlError.parser(_, problem, mark, _) {
            throw SettingsError("\(path), line \(mark.line)", "the token file is not YAML: \(problem)")
        } catch {
            throw SettingsError(path, "the token file is not YAML")
        }
        guard let node, node.null == nil else { return nil }
        guard let mapping = node.mapping else {
            throw SettingsError(path, "the token file must hold a mapping of names")
        }
        return mapping
    }

    private static func place(_ path: String, _ key: Node) -> String { "\(path), line \(key.mark?.line ?? 0)" }

    private static func token(_ key: Node, _ value: Node, _ path: String) throws(SettingsError) -> APISettings.Token {
        let name = key.scalar?.string ?? "?"
        let place = place(path, key)
        let fields = try SettingsReader.fields(
            value, ["sha256", "scopes", "tenant", "expires"], "token '\(name)'", place)
        let hashes = list(fields["sha256"]).map { $0.lowercased() }
        guard (1...2).contains(hashes.count), hashes.allSatisfy({ $0.utf8.count == 64 && Hex.decode($0) != nil }) else {
            throw SettingsError(
                place,
                "token '\(name)' needs sha256: 64 hex digits, as 'backhaul token' prints them; two during a rotation")
        }
        let scopes = list(fields["scopes"])
        guard !scopes.isEmpty, scopes.allSatisfy({ ["submit", "read", "operate"].contains($0) }) else {
            throw SettingsError(place, "token '\(name)' needs scopes: one or more of submit, read, operate")
        }
        guard let tenant = fields["tenant"].map({ ByteText($0) }) else {
            throw SettingsError(place, "token '\(name)' needs a tenant; '*' means all tenants")
        }
        do {
            try TaskRules.checkName(ByteText(name), what: "token")
            if tenant != "*" { try TaskRules.checkTenant(tenant) }
        } catch {
            throw SettingsError(place, "token '\(name)': \(error.message)")
        }
        return APISettings.Token(
            name: name, sha256: hashes, scopes: scopes, tenant: tenant == "*" ? nil : tenant,
            expiresAt: try expiry(fields["expires"], name, place))
    }

    private static func expiry(
        _ text: String?, _ name: String, _ place: String
    ) throws(SettingsError) -> Timestamp? {
        guard let text, text != "never" else { return nil }
        guard let time = TimeText.parse(text) else {
            throw SettingsError(
                place, "token '\(name)': expires must be a time such as 2027-03-01T00:00:00Z, or never")
        }
        return time.timestamp
    }

    private static func list(_ text: String?) -> [String] {
        (text ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }
}

/// Changes of the file by `backhaul token`. Lines of other entries and comments stay.
extension TokenFile {
    /// Replaces the file in one step, so that a service never reads half of it; concurrent changes wait for each other.
    /// - Parameters:
    ///   - creating: whether a missing file is created, with mode 0600.
    ///   - change: the new text from the present one.
    /// - Throws: `SettingsError`.
    package static func change(
        _ path: String, creating: Bool, _ change: (String) throws(SettingsError) -> String
    ) throws(SettingsError) {
        // A link stays a link: its target is replaced.
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        func failure(_ what: String) -> SettingsError {
            SettingsError(path, "\(what): \(String(cString: strerror(errno)))")
        }
        let folder = URL(fileURLWithPath: target).deletingLastPathComponent().path
        let lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0, flock(lock, LOCK_EX) == 0 else {
            throw failure("the folder of the token file cannot be locked")
        }
        defer { close(lock) }
        let isThere = access(target, F_OK) == 0
        guard isThere || creating else { throw failure("the token file cannot be read") }
        let changed = try change(isThere ? try text(target) : "")
        var status = stat()
        let mode = isThere && stat(target, &status) == 0 ? status.st_mode & 0o777 : 0o600
        let temporary = target + ".\(getpid()).tmp"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("\(temporary) cannot be created") }
        defer { close(file) }
        // The service may run as another user than the one who changes its file.
        if isThere, status.st_uid != geteuid() || status.st_gid != getegid() {
            guard fchown(file, status.st_uid, status.st_gid) == 0 else {
                defer { unlink(temporary) }
                throw failure("the owner of the token file cannot be kept")
            }
        }
        do {
            try FileHandle(fileDescriptor: file).write(contentsOf: Data(changed.utf8))
        } catch {
            defer { unlink(temporary) }
            throw failure("the token file cannot be written")
        }
        guard fchmod(file, mode) == 0, fsync(file) == 0, rename(temporary, target) == 0 else {
            defer { unlink(temporary) }
            throw failure("the token file cannot be written")
        }
        fsync(lock)
    }

    /// Returns the text with an entry for a new name.
    /// - Throws: `SettingsError` when the file has the name already, or is not a token file.
    package static func adding(
        _ token: APISettings.Token, to text: String, _ path: String
    ) throws(SettingsError) -> String {
        guard try !tokens(of: text, path).contains(where: { $0.name == token.name }) else {
            throw SettingsError(
                path,
                "the name '\(token.name)' exists already; --rotate gives it a second secret, --revoke removes it")
        }
        let changed = text + (text.isEmpty || text.hasSuffix("\n") ? "" : "\n") + entry(token)
        // The result is read before it is written: a file in an unusual layout is not broken.
        do {
            _ = try tokens(of: changed, path)
        } catch {
            throw SettingsError(path, "'\(token.name)' cannot be added to this layout; edit the file by hand")
        }
        return changed
    }

    /// Returns the text with a second secret for a name, and the token's entry. The older of two secrets is dropped.
    /// - Throws: `SettingsError` when the file lacks the name, or is not a token file.
    package static func rotating(
        _ name: String, to hash: String, expiresAt: Timestamp?, in text: String, _ path: String
    ) throws(SettingsError) -> (text: String, token: APISettings.Token) {
        var token = try existing(name, text, path)
        token.sha256 = [hash] + token.sha256.prefix(1)
        token.expiresAt = expiresAt
        return (try replacing(name, with: entry(token), in: text, path), token)
    }

    /// Returns the text without a name.
    /// - Throws: `SettingsError` when the file lacks the name, or is not a token file.
    package static func revoking(_ name: String, in text: String, _ path: String) throws(SettingsError) -> String {
        _ = try existing(name, text, path)
        return try replacing(name, with: "", in: text, path)
    }

    /// One line of the file.
    package static func entry(_ token: APISettings.Token) -> String {
        let hashes = token.sha256.count == 1 ? token.sha256[0] : "[\(token.sha256.joined(separator: ", "))]"
        return "\(token.name): { sha256: \(hashes), scopes: [\(token.scopes.joined(separator: ", "))], "
            + "tenant: \(token.tenant?.text ?? "'*'"), expires: \(token.expiresAt?.description ?? "never") }\n"
    }

    private static func existing(
        _ name: String, _ text: String, _ path: String
    ) throws(SettingsError) -> APISettings.Token {
        let tokens = try tokens(of: text, path)
        guard let token = tokens.first(where: { $0.name == name }) else {
            let near = NearestName.of(name, among: tokens.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
            throw SettingsError(path, "there is no token '\(name)'\(near)")
        }
        return token
    }

    /// Replaces the lines of an entry: from its key to the line before the next key, less trailing comments.
    private static func replacing(
        _ name: String, with entry: String, in text: String, _ path: String
    ) throws(SettingsError) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let starts =
            try mapping(text, path)?.keys.compactMap { key in
                key.mark.map { (name: key.scalar?.string, line: $0.line - 1) }
            } ?? []
        guard let start = starts.first(where: { $0.name == name })?.line, lines.indices.contains(start),
            !lines[start].hasPrefix("{")
        else {
            throw SettingsError(path, "the entry of '\(name)' cannot be changed here; edit the file by hand")
        }
        var end = starts.map(\.line).filter { $0 > start }.min() ?? lines.count
        // An entry's own lines are indented or hold its closing brace; what follows at the margin is not its own.
        while end > start + 1, lines[end - 1].isEmpty || lines[end - 1].hasPrefix("#") { end -= 1 }
        lines.replaceSubrange(start..<end, with: entry.isEmpty ? [] : [String(entry.dropLast())])
        let changed = lines.joined(separator: "\n")
        _ = try tokens(of: changed, path)
        return changed
    }
}
