/// The credentials that requests to a store are signed with.
package struct S3Credentials: Hashable, Sendable {
    package var accessKey: String
    package var secretKey: Secret
    /// Of temporary credentials.
    package var sessionToken: Secret?

    package init(accessKey: String, secretKey: Secret, sessionToken: Secret? = nil) {
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.sessionToken = sessionToken
    }

    /// A file of credentials without what was looked for; says nothing of what it holds.
    package struct MissingError: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String

        package init(description: String) { self.description = description }
    }

    /// The credentials of a profile in a file as the AWS tools keep it: sections `[name]`, lines `name = value`.
    /// - Throws: `MissingError`.
    package init(file text: String, profile: String) throws(MissingError) {
        var section: Substring?
        var found: [Substring: String] = [:]
        var hasProfile = false
        for line in text.split(whereSeparator: \.isNewline) {
            let line = Self.trim(line)
            guard let first = line.first, first != "#", first != ";" else { continue }
            if first == "[", line.last == "]" {
                section = Self.trim(line.dropFirst().dropLast())
                hasProfile = hasProfile || section == profile[...]
            } else if section == profile[...], let equals = line.firstIndex(of: "=") {
                found[Self.trim(line[..<equals])] = String(Self.trim(line[line.index(after: equals)...]))
            }
        }
        guard hasProfile else { throw MissingError(description: "has no profile [\(profile)]") }
        func value(_ name: Substring) throws(MissingError) -> String {
            guard let value = found[name], !value.isEmpty else {
                throw MissingError(description: "has no \(name) in profile [\(profile)]")
            }
            return value
        }
        self.init(
            accessKey: try value("aws_access_key_id"), secretKey: Secret(try value("aws_secret_access_key")),
            sessionToken: found["aws_session_token"].map(Secret.init))
    }

    private static func trim(_ text: Substring) -> Substring {
        guard let start = text.firstIndex(where: { !$0.isWhitespace }),
            let end = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return text[start...end]
    }

    /// The credentials of the variables that the AWS tools read.
    /// - Throws: `MissingError`.
    package init(environment: [String: String]) throws(MissingError) {
        guard let accessKey = environment["AWS_ACCESS_KEY_ID"], let secretKey = environment["AWS_SECRET_ACCESS_KEY"],
            !accessKey.isEmpty, !secretKey.isEmpty
        else {
            throw MissingError(
                description: "credentialsFile is missing, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
        }
        let token = environment["AWS_SESSION_TOKEN"].flatMap { $0.isEmpty ? nil : Secret($0) }
        self.init(accessKey: accessKey, secretKey: Secret(secretKey), sessionToken: token)
    }
}
