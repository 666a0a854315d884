import ArgumentParser
import BackhaulDomain
import BackhaulWeb
import Foundation

/// Creates a token for a caller of the HTTP API.
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Create a token for a caller of the HTTP API.",
        discussion: """
            Prints the token on stdout once; it is not stored. The entry for the file that api.tokensFile names, with \
            the token's hash, goes to stderr, or with --append into that file.

            Example: backhaul token camera-1 --scope submit --tenant photos --append /etc/backhaul/tokens.yaml
            """)

    enum Right: String, ExpressibleByArgument, CaseIterable {
        case submit
        case read
        case operate
    }

    @Argument(help: "The caller's name, for logs.")
    var name: ByteText

    @Option(name: .customLong("scope"), help: "submit, read or operate; may be repeated.")
    var scopes: [Right]

    @Option(help: "The caller's tenant; '*' for all.")
    var tenant: ByteText

    @Option(help: ArgumentHelp("Append the entry to this token file.", valueName: "file"))
    var append: String?

    func validate() throws {
        do {
            try TaskRules.checkName(name, what: "token")
            if tenant != "*" { try TaskRules.checkTenant(tenant) }
        } catch {
            throw ValidationError(error.message)
        }
        guard !scopes.isEmpty else { throw ValidationError("give at least one --scope") }
    }

    func run() async throws {
        let (token, hash) = APIToken.generate()
        let shownTenant = tenant == "*" ? "'*'" : tenant.text
        let entry =
            "\(name): { sha256: \(hash), scopes: [\(scopes.map(\.rawValue).joined(separator: ", "))], tenant: \(shownTenant) }\n"
        if let append {
            try Self.add(entry, to: append)
            Stderr.say("added '\(name)' to \(append); send SIGHUP to running services")
        } else {
            Stderr.say("add this line to the file that api.tokensFile names:")
            try FileHandle.standardError.write(contentsOf: Data(entry.utf8))
        }
        print(token)
    }

    private static func add(_ entry: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandError("--append \(path): \(String(cString: strerror(errno)))")
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try file.write(contentsOf: Data(entry.utf8))
        try file.synchronize()
    }
}
