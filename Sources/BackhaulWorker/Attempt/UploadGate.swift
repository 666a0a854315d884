package import BackhaulDomain
package import BackhaulTransfer

/// Admits every upload. Limits by destination and tenant, breakers and budgets can be added behind it.
package protocol UploadGate: Sendable {
    /// Waits until the upload may begin.
    /// - Throws: `CancellationError` when the work is interrupted or the calling task is cancelled.
    func enter(_ task: UploadTask, _ interruption: Interruption) async throws
    /// Ends the admission of an upload that has ended.
    func leave(_ task: UploadTask)
    /// Admits at most this many uploads from now on; those that run go on.
    func resize(to slots: Int)
}
