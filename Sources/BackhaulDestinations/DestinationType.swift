package import BackhaulDomain
package import BackhaulTransfer
package import BackhaulUnits

/// A type of destination: its settings, and how objects get there and are read back. All that is known of one is below
/// its folder; `DestinationTypes` lists them.
package protocol DestinationType: Hashable, Sendable {
    /// The value of `type` in the configuration.
    static var name: String { get }
    /// One sentence for the reference.
    static var summary: String { get }
    /// Its settings beside `type` and `order`. The reference and the schema of the file are made from them.
    static var fields: [DestinationField] { get }
    /// What an upload can record as verified, and what that means.
    static var verifications: [(word: Verification, meaning: String)] { get }
    /// Whether an upload reads its source.
    static var readsSource: Bool { get }
    /// Whether the server names the objects, so that nothing is at a key before an upload, and perhaps not after it.
    static var namesObjects: Bool { get }

    /// - Throws: `DestinationFields.InvalidError`.
    init(_ fields: DestinationFields) throws(DestinationFields.InvalidError)

    /// The settings for people, without secrets.
    var description: String { get }
    /// The folder of this machine that it writes to; nil for one that is elsewhere.
    var localFolder: String? { get }

    /// The dialect that puts `body` at `key`.
    /// - Parameter onlyIfAbsent: whether it fails with `keyTaken` when there is an object at the key, as far as the
    ///   destination can tell in the same step.
    func upload(key: ByteText, body: TransferBody, contentType: String, onlyIfAbsent: Bool) -> any Dialect
    /// The dialect that removes what an upload that will not be resumed has left at the destination, of which `state`
    /// tells; nil where there is nothing to remove. It ends with `absent`.
    func discard(key: ByteText, state: [UInt8]) -> (any Dialect)?
    /// The dialect that finds out whether there is an object at `key`, and of which size. Its SHA-256 is empty where it
    /// cannot be had without reading the object.
    func look(key: ByteText) -> any Dialect
    /// The dialect that reads the object at `key` and gives its size and SHA-256.
    func readBack(key: ByteText) -> any Dialect
    /// The dialect that removes the object at `key`; it ends with `absent`.
    func remove(key: ByteText) -> any Dialect
    /// The dialect that ends uploads which began before `time` and were never completed; nil where none can be left, or
    /// where they are in `localFolder`. It ends with `swept`.
    func sweep(before time: Timestamp) -> (any Dialect)?
    /// Whether another attempt goes on with an upload.
    var resumption: Resumption { get }
}

extension DestinationType {
    package static var readsSource: Bool { true }
    package static var namesObjects: Bool { false }
    package var localFolder: String? { nil }
    package func discard(key: ByteText, state: [UInt8]) -> (any Dialect)? { nil }
    package func sweep(before time: Timestamp) -> (any Dialect)? { nil }
    package var resumption: Resumption { .none }
}
