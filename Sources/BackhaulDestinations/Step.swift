package import BackhaulDomain
package import BackhaulTransfer

/// The next step of a dialect.
package enum Step: Sendable {
    case request(TransferRequest)
    case place(LocalPlacement)
    /// The object is stored.
    case stored(StoredObject)
    case failed(Failure)
    /// The destination answers, and has no object at the key; of read-backs only.
    case absent
}
