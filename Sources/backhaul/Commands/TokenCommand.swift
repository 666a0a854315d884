import ArgumentParser
import BackhaulDomain
import BackhaulLog
import BackhaulSettings
import BackhaulUnits
import BackhaulWeb
import Foundation

/// Creates, renews and revokes tokens for callers of the HTTP API.
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Create, renew or revoke a token for a caller of the HTTP API.",
        discussion: """
            Prints the token on stdout once; it is not stored. The entry for the file that api.tokensFile names, with \
            the token's hash, goes to stderr, or with --append into that file. Running services notice a change of the \
            file within a second.

            --rotate gives a name a second secret; the one before stays valid until the next rotation, so that callers \
            can change over. --revoke removes the name, and ends its open streams.

            Example: backhaul token camera-1 --scope submit --tenant photos --append /etc/backhaul/tokens.yaml
            """)

    enum Right: String, ExpressibleByArgument, CaseIterable {
        case submit
        case read
        case operate
    }

    @Argument(help: "The caller's name, for logs and records.")
    var name: ByteText

    @Option(name: .customLong("scope"), help: "submit, read or operate; may be repeated.")
    var scopes: [Right] = []

    @Option(help: "The caller's tenant; '*' for all.")
    var tenant: ByteText?

    @Option(help: ArgumentHelp("How long the token is valid: a duration such as 90d, or never.", valueName: "duration"))
    var expires = "365d"

    @Option(help: ArgumentHelp("Append the entry to this token file.", valueName: "file"))
    var append: String?

    @Option(help: ArgumentHelp("Give the name in this token file a second secret.", valueName: "file"))
    var rotate: String?

    @Option(help: ArgumentHelp("Remove the name from this token file.", valueName: "file"))
    var revoke: String?

    private var life: Duration? { expires == "never" ? nil : DurationText.parse(expires) }

    func validate() throws {
        do {
            try TaskRules.checkName(name, what: "token")
            if let tenant, tenant != "*" { try TaskRules.checkTenant(tenant) }
        } catch {
            throw ValidationError(error.message)
        }
        guard [append, rotate, revoke].compactMap(\.self).count <= 1 else {
            throw ValidationError("give one of --append, --rotate and --revoke")
        }
        guard expires == "never" || life.map({ $0 > .zero }) ?? false else {
            throw ValidationError("--expires \(expires): give a duration such as 90d (at most 400d), or never")
        }
        guard rotate == nil, revoke == nil else {
            guard scopes.isEmpty, tenant == nil else {
                throw ValidationError("--scope and --tenant are for a new token; a rotated one keeps its own")
            }
            return
        }
        guard !scopes.isEmpty else { throw ValidationError("give at least one --scope") }
        guard tenant != nil else { throw ValidationError("give --tenant; '*' for all") }
    }

    func run() async throws {
        do {
            if let revoke {
                try TokenFile.change(revoke, creating: false) { text throws(SettingsError) in
                    try TokenFile.revoking(name.text, in: text, revoke)
                }
                Stderr.say("removed '\(name)' from \(revoke)")
                return
            }
            let (secret, hash) = APIToken.generate()
            let expiry = life.map { SystemLogClock.wall + $0 }
            if let rotate {
                try TokenFile.change(rotate, creating: false) { text throws(SettingsError) in
                    try TokenFile.rotating(name.text, to: hash, expiresAt: expiry, in: text, rotate).text
                }
                Stderr.say("'\(name)' has a second secret in \(rotate); the one before it is valid as well")
            } else {
                let token = APISettings.Token(
                    name: name.text, sha256: [hash], scopes: scopes.map(\.rawValue),
                    tenant: tenant == "*" ? nil : tenant, expiresAt: expiry)
                if let append {
                    try TokenFile.change(append, creating: true) { text throws(SettingsError) in
                        try TokenFile.adding(token, to: text, append)
                    }
                    Stderr.say("added '\(name)' to \(append)")
                } else {
                    Stderr.say("add this line to the file that api.tokensFile names:")
                    try FileHandle.standardError.write(contentsOf: Data(TokenFile.entry(token).utf8))
                }
            }
            Output.line(secret)
        } catch let error as SettingsError {
            throw CommandError(error.description)
        }
    }
}
