/// A share of a whole, from 0 to 1.
package struct Ratio: Hashable, Comparable, Sendable {
    /// From 0 to 1.
    package let value: Double

    /// The nearest valid ratio; 0 for what is not a number.
    package init(clamping value: Double) {
        self.value = value.isNaN ? 0 : min(max(0, value), 1)
    }

    package static func < (left: Ratio, right: Ratio) -> Bool { left.value < right.value }
}
