/// A user and a password that libcurl sends by digest authentication (RFC 7616). No description shows the password.
package struct TransferLogin: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    package var user: String
    package var password: String

    package init(user: String, password: String) {
        self.user = user
        self.password = password
    }

    package var description: String { "\(user):<redacted>" }
    package var debugDescription: String { description }
}
