package import BackhaulDomain
package import BackhaulUnits

/// What an audit looks at.
package struct AuditScope: Hashable, Sendable {
    /// Only tasks of this batch; nil for all.
    package var batch: ByteText?
    /// The share of the objects to be read, chosen at random, at least one; nil for all.
    package var sample: Ratio?

    package init(batch: ByteText? = nil, sample: Ratio? = nil) {
        self.batch = batch
        self.sample = sample
    }

    func contains(_ batch: ByteText) -> Bool { self.batch == nil || self.batch == batch }
}
