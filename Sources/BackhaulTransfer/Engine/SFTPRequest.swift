package import BackhaulUnits

/// What a request to an SFTP server does, and how it logs in.
package struct SFTPRequest: Hashable, Sendable {
    package enum Action: Hashable, Sendable {
        /// Find out the size of the file; of a folder, only whether it is there.
        case look
        /// Write the request's body: from the beginning, or behind what the file has.
        case write(from: ByteCount)
        case read
    }

    package var login: SFTPLogin
    package var action: Action
    /// Run before the action, in libcurl's words (`CURLOPT_QUOTE`); one that begins with `*` may fail.
    package var commands: [String]

    package init(login: SFTPLogin, action: Action, commands: [String] = []) {
        self.login = login
        self.action = action
        self.commands = commands
    }

    /// A path as a command takes it.
    package static func quoted(_ path: String) -> String {
        "\"" + path.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
