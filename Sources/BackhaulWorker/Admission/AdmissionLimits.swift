/// The limits of a lane's admission.
package struct AdmissionLimits: Hashable, Sendable {
    /// Concurrent attempts.
    package var uploads: Int
    /// Tasks between the start of their attempt and their decision in the log.
    package var decisions: Int
    /// Concurrent attempts at one place. Below `uploads`, so that a place that does not answer leaves slots to others.
    package var perPlace: Int
    /// Concurrent attempts of one tenant.
    package var perTenant: Int

    /// Concurrent attempts that read from one source root: all but a quarter.
    var perRoot: Int { max(1, uploads - uploads / 4) }
    /// Concurrent attempts at all places together that have not worked lately.
    var unproven: Int { max(1, uploads / 2) }

    package init(uploads: Int, decisions: Int, perPlace: Int, perTenant: Int) {
        self.uploads = uploads
        self.decisions = decisions
        self.perPlace = perPlace
        self.perTenant = perTenant
    }
}
