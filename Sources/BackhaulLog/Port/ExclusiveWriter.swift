/// Appends batches as a whole, one writer of a name at a time.
///
/// A process that copies from elsewhere writes what it has copied and how far it has come in one batch. After a crash
/// its successor reads how far that is, and no batch of the predecessor can arrive later.
package protocol ExclusiveWriter: Sendable {
    /// Ends every earlier writer of the name, and decides what it left open. Only then does the log show what is in it.
    /// - Throws: `LogError`.
    func begin() async throws

    /// Appends all of the records or none.
    /// - Throws: `LogError`; after `unavailable` it is not known which: call `begin`, then read the log.
    func append(_ requests: [AppendRequest]) async throws

    func close() async
}
