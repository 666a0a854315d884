package import BackhaulUnits

/// How another attempt goes on with an upload.
package enum Resumption: Hashable, Sendable {
    /// It sends the file again.
    case none
    /// From this size on, with what its dialect saved.
    case saved(from: ByteCount)
    /// It asks the destination what is there.
    case asked
}
