package import BackhaulUnits
internal import Foundation

/// Reads files that hold credentials.
package enum SecretFile {
    /// Why a file is not read; says nothing of what it holds.
    package struct RefusedError: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    /// The longest file that is read.
    package static let largest = ByteCount(16 << 20)

    /// What a file is for, and so who may write it.
    package enum Use: Hashable, Sendable {
        /// Only its owner may write it.
        case credentials
        /// Its group may write it, too, as files of a user with umask 002 have it. A pipe is read to its end, such as
        /// `--config <(...)` of a shell.
        case configuration
        /// A configuration that nobody has named: only its owner may write it, and that must be the user or root.
        case foundConfiguration
    }

    /// Where a secret is that the service manager hands over: `credential:NAME` is the file of that name that systemd's
    /// `LoadCredential=NAME` makes, or `LoadCredential=backhaul:FOLDER` of a folder's file.
    /// A command that systemd has not started reads the folder that the package's units hand over.
    /// - Parameter environment: `CREDENTIALS_DIRECTORY`.
    /// - Returns: any other path as it is.
    /// - Throws: `RefusedError` for a name that is none.
    package static func resolve(
        _ path: String, _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(RefusedError) -> String {
        guard path.hasPrefix(credential) else { return path }
        let name = path.dropFirst(credential.count)
        guard !name.isEmpty, !name.contains("/"), !name.hasPrefix(".") else {
            throw RefusedError(description: "is not the name of a credential")
        }
        guard let folder = environment["CREDENTIALS_DIRECTORY"], folder.hasPrefix("/") else {
            return credentials + "/" + name
        }
        let whole = folder + "/" + name
        return access(whole, F_OK) == 0 ? whole : folder + "/backhaul_" + name
    }

    private static let credential = "credential:"
    private static let credentials = "/etc/backhaul/credentials"

    /// - Returns: the file's text.
    /// - Throws: `RefusedError` for a file that is not a regular one, or that others may write: they would choose the
    ///   credentials.
    package static func read(_ path: String, as use: Use = .credentials) throws(RefusedError) -> String {
        let path = try resolve(path)
        // A FIFO without a writer would block the open.
        let file = open(path, O_RDONLY | O_CLOEXEC | (use == .configuration ? 0 : O_NONBLOCK))
        guard file >= 0 else { throw RefusedError(description: "cannot be read: \(String(cString: strerror(errno)))") }
        let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
        var status = stat()
        guard fstat(file, &status) == 0,
            status.st_mode & S_IFMT == S_IFREG
                || use == .configuration && status.st_mode & S_IFMT == S_IFIFO
        else {
            throw RefusedError(description: "is not a regular file")
        }
        if use == .foundConfiguration, status.st_uid != 0, status.st_uid != geteuid() {
            throw RefusedError(description: "belongs to another user; give --config to use it")
        }
        let (mask, who): (mode_t, String) = use == .configuration ? (0o002, "o-w") : (0o022, "go-w")
        guard status.st_mode & mask == 0 else {
            throw RefusedError(
                description: "may be written by other users, who would choose the credentials; run 'chmod \(who)' on it"
            )
        }
        let limit = Int(clamping: largest.bytes)
        guard let data = try? handle.read(upToCount: limit + 1) ?? Data() else {
            throw RefusedError(description: "cannot be read")
        }
        guard data.count <= limit, let text = String(bytes: data, encoding: .utf8) else {
            throw RefusedError(description: "must be UTF-8 text of at most \(limit >> 20) MiB")
        }
        return text
    }

    /// The text without the blanks around it, for a file with one secret.
    /// - Throws: `RefusedError` also for an empty file, and for one of several lines: a header or a password has one.
    package static func secret(_ path: String) throws(RefusedError) -> Secret {
        let text = try read(path).trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty else { throw RefusedError(description: "is empty; it must hold the secret") }
        guard !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            throw RefusedError(description: "must hold the secret alone, on one line")
        }
        return Secret(text)
    }

    /// The headers of a file, one `Name: value` per line (RFC 9110, section 5.5).
    /// - Throws: `RefusedError`, with the line's number and never its text; also for headers that a request sets
    ///   itself.
    package static func headers(_ path: String) throws(RefusedError) -> [SecretHeader] {
        var headers: [SecretHeader] = []
        let text = try read(path)
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.trimmingCharacters(in: .whitespacesAndNewlines)
            if line.isEmpty { continue }
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
            let isOurs = ["content-length", "content-type", "transfer-encoding", "host"].contains(
                parts[0].lowercased())
            guard isToken(parts[0]), !isOurs, !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
            else { throw RefusedError(description: "line \(number + 1) must be 'Name: value' of a header of your own") }
            headers.append(SecretHeader(name: String(parts[0]), value: Secret(value)))
        }
        return headers
    }

    /// Whether the text is a token (RFC 9110, section 5.6.2).
    private static func isToken(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.unicodeScalars.allSatisfy { scalar in
                scalar.isASCII
                    && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                        || "!#$%&'*+-.^_`|~".unicodeScalars.contains(scalar))
            }
    }

    /// Whether users other than its owner and group may read the file.
    package static func isReadableByAll(_ path: String) -> Bool {
        var status = stat()
        guard let path = try? resolve(path) else { return false }
        return stat(path, &status) == 0 && status.st_mode & 0o004 != 0
    }
}
