package import BackhaulDomain
package import BackhaulTransfer

/// The next step of a dialect.
package enum Step: Sendable {
    case request(TransferRequest)
    case place(LocalPlacement)
    /// Read and hash a part of the source.
    case digest(DigestRequest)
    /// Write this down before going on, for the attempt that follows should this one not end. At most
    /// `TaskProgress.largestState` bytes; the report says nothing.
    case save([UInt8])
    /// Begin these beside those that run, and go on with the report of the first that ends. Empty to wait for those
    /// that run.
    indirect case together([Step])
    /// The object is stored.
    case stored(StoredObject)
    case failed(Failure)
    /// The destination answers, and has no object at the key; of read-backs only. Of a clean-up: nothing is left.
    case absent
    /// This many things that nobody needed are gone; of sweeps only.
    case swept(Int)
}
