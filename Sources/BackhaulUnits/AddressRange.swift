/// A range of addresses in CIDR notation; a single address is a range of one.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    private let base: IPAddress
    private let bits: Int

    /// Returns nil when the text is not a range.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, let base = IPAddress(text: String(first)), parts.count <= 2 else { return nil }
        let width = if case .v4 = base { 32 } else { 128 }
        var bits = width
        if parts.count == 2 {
            guard let number = Int(parts[1]), (0...width).contains(number) else { return nil }
            bits = number
        }
        self.base = base
        self.bits = bits
    }

    package func contains(_ address: IPAddress) -> Bool {
        switch (base, address) {
        case (.v4(let left), .v4(let right)):
            return bits == 0 || (left ^ right) >> UInt32(32 - bits) == 0
        case (.v6(let leftHigh, let leftLow), .v6(let rightHigh, let rightLow)):
            if bits == 0 { return true }
            if bits <= 64 { return (leftHigh ^ rightHigh) >> UInt64(64 - bits) == 0 }
            return leftHigh == rightHigh && (bits == 64 || (leftLow ^ rightLow) >> UInt64(128 - bits) == 0)
        default:
            return false
        }
    }

    package var description: String { "\(base)/\(bits)" }
}
