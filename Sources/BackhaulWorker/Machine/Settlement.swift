package import BackhaulLog

/// A unit to settle, and what follows.
package struct Settlement: Hashable, Sendable {
    package var unit: SettleUnit
    package var purpose: SettlePurpose
    /// Whether its partition belonged to another owner by then: nothing of it is in the log.
    package var isDropped = false

    package init(unit: SettleUnit, purpose: SettlePurpose) {
        self.unit = unit
        self.purpose = purpose
    }
}
