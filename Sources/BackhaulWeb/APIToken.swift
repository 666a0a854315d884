/// A token as its table has it: never the token itself.
package struct APIToken: Hashable, Sendable {
    package var caller: Caller
    /// SHA-256 of the token's text, lower-case hex. A token has 256 random bits, so a plain hash cannot be searched.
    package var sha256: String

    package init(caller: Caller, sha256: String) {
        self.caller = caller
        self.sha256 = sha256
    }
}
