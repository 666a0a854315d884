package import BackhaulDomain
package import BackhaulTransfer

/// What a dialect wants done next.
package enum Step: Sendable {
    case request(TransferRequest)
    case place(LocalPlacement)
    /// The object is where it belongs.
    case stored(StoredObject)
    case failed(Failure)
}

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

/// What was checked before an upload was called a success.
package enum Verification: String, Hashable, Sendable, CaseIterable {
    /// A 2xx after all bytes were sent.
    case status = "http-2xx"
    /// The answer carried the SHA-256 of what was stored (RFC 9530), and it is the one of what was sent.
    case digest = "http-digest"
    /// A HEAD afterwards gave the size that was sent.
    case length = "head-length"
    /// The object was read back and hashed.
    case readBack = "read-back"
    /// Written, fsynced and renamed in a local folder.
    case durable = "fsync"
    /// Nothing was stored, so nothing was checked (destination type `drop`).
    case none
}

/// One way to put an object somewhere, sans-I/O: told what came of the last step, it names the next one. A new protocol
/// is a new dialect; the worker, the engine and the log do not learn of it.
package protocol Dialect: Sendable {
    /// The first step.
    mutating func begin() -> Step
    /// The step after `report`.
    mutating func next(_ report: TransferReport) -> Step
}
