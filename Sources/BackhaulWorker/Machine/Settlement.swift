package import BackhaulLog

/// A unit to settle, and what follows.
package struct Settlement: Hashable, Sendable {
    package var unit: SettleUnit
    package var purpose: SettlePurpose

    package init(unit: SettleUnit, purpose: SettlePurpose) {
        self.unit = unit
        self.purpose = purpose
    }
}
