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
