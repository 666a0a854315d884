package import BackhaulUnits

/// Sizes of an `OffsetUpload`.
package enum OffsetSizes {
    /// A file of this size goes along with its creation: to send it again costs no more than to ask.
    package static let atOnce = ByteCount(1 << 20)
    /// A part whose sum the server checks.
    static let checkedPart = ByteCount(64 << 20)
    /// A request that is cut short to less is followed by one of this size.
    static let leastTaken = ByteCount(1 << 16)
    /// After so many questions the next attempt goes on, which waits before.
    static let mostSeeks = 16
    /// Of the setting `partSize`.
    package static let parts = atOnce...ByteCount(1 << 40)
}
