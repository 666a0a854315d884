package import BackhaulDomain
package import BackhaulUnits

/// When a breaker opened, and the failure that opened it.
package struct BreakerOpening: Hashable, Sendable {
    package var at: Timestamp
    package var failure: Failure
}
