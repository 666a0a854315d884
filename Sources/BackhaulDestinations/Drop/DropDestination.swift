package import BackhaulDomain
package import BackhaulTransfer

/// The destination that keeps nothing and reads nothing: every task succeeds at once, verified by nothing. For trying
/// out and measuring the pipe; the name is Redpanda Connect's (output `drop`).
package struct DropDestination: DestinationType {
    package static let name = "drop"
    package static let summary =
        "Keeps nothing, for trying out and measuring the pipe (`backhaul bench`). Its tasks succeed "
        + "at once; their files are not read, and their results have no SHA-256."
    package static let fields: [DestinationField] = []
    package static let verifications = [
        (word: Verification.none, meaning: "Nothing was stored, so nothing was checked.")
    ]
    package static let readsSource = false

    package init() {}

    package init(_ fields: DestinationFields) throws(DestinationFields.InvalidError) {}

    package var description: String { Self.name }

    package func upload(key: ByteText, body: TransferBody, contentType: String, onlyIfAbsent: Bool) -> any Dialect {
        DropUpload()
    }
    package func look(key: ByteText) -> any Dialect { DropLook() }
    package func readBack(key: ByteText) -> any Dialect { DropReadBack() }
    package func remove(key: ByteText) -> any Dialect { DropLook() }
}

extension Verification {
    /// Nothing was stored, so nothing was checked.
    package static let none = Verification(rawValue: "none")
}
