package import BackhaulDomain
package import BackhaulFiles
package import BackhaulUnits

/// An object at its destination, and how it was verified.
package struct StoredObject: Hashable, Sendable {
    package var size: ByteCount
    /// SHA-256 of the bytes sent or read back, lower-case hex; empty when there were none.
    package var sha256: String
    package var verification: Verification
    /// The second name that it was stored under, because its key was taken; nil for its key.
    package var keptName: ByteText?
    /// Of the source, when it was sent; nil without one.
    package var attributes: FileAttributes?
    /// Whether the same content was there already, and nothing was sent.
    package var wasStored = false

    package init(size: ByteCount, sha256: String, verification: Verification) {
        self.size = size
        self.sha256 = sha256
        self.verification = verification
    }
}
