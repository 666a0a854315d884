/// Fifteen bits of a fingerprint (`TaskFingerprint`). Other marks prove other contents; equal ones mean the same
/// content, but for one of 32,767 pairs of different ones.
package struct ContentMark: Hashable, Sendable {
    /// Of a record that does not tell what was submitted.
    package static let unknown = ContentMark(bits: 0)
    package static let width = 15

    /// Zero for unknown.
    package let bits: UInt16

    /// - Parameter bits: those above the width are ignored.
    package init(bits: UInt16) { self.bits = bits & (1 << Self.width - 1) }

    package init(_ fingerprint: [UInt8]) {
        guard fingerprint.count >= 2 else {
            self = .unknown
            return
        }
        let word = UInt16(fingerprint[0]) << 8 | UInt16(fingerprint[1])
        self.init(bits: word % (1 << Self.width - 1) + 1)
    }

    /// Whether both are known and of different contents.
    package func differs(from other: ContentMark) -> Bool {
        self != .unknown && other != .unknown && self != other
    }
}
