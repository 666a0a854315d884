/// An object at its destination, and how sure that is.
package struct StoredObject: Hashable, Sendable {
    package var bytes: UInt64
    /// Of the bytes that were sent, lower-case hex; empty when none were.
    package var sha256: String
    package var verification: Verification

    package init(bytes: UInt64, sha256: String, verification: Verification) {
        self.bytes = bytes
        self.sha256 = sha256
        self.verification = verification
    }
}
