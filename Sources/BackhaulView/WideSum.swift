internal import BackhaulDomain
internal import BackhaulUnits

/// A sum of file sizes in two halves, so that it does not overflow: SQLite turns a sum beyond 64 bits into a
/// floating-point number, and Swift traps. Sizes have at most 53 bits, so 2³¹ of them fit.
struct WideSum: Hashable, Sendable {
    private static let bits: Int64 = 32
    /// The sum of the sizes without their lower 32 bits.
    var high: Int64 = 0
    /// The sum of the lower 32 bits; may itself have more than 32 bits.
    var low: Int64 = 0

    mutating func add(_ size: ByteCount, _ sign: Int64) {
        let size = Int64(clamping: size.bytes)
        high += sign * (size >> Self.bits)
        low += sign * (size & (1 << Self.bits - 1))
    }

    func adding(_ other: WideSum) -> WideSum {
        WideSum(high: high.addingClamped(other.high), low: low.addingClamped(other.low))
    }

    /// The sum; at most `Int64.max` bytes.
    var size: ByteCount {
        let carried = high.addingReportingOverflow(low >> Self.bits)
        guard !carried.overflow, carried.partialValue < 1 << 31 else { return ByteCount(clamping: Int64.max) }
        return ByteCount(clamping: carried.partialValue << Self.bits | (low & (1 << Self.bits - 1)))
    }
}
