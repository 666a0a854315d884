/// What is checked of a file before it gets its name.
package enum FileCheck: String, Hashable, Sendable, CaseIterable {
    /// The size that the server names.
    case size
    /// Its bytes, too.
    case readBack = "read-back"

    static func field(_ help: String) -> DestinationField {
        DestinationField("verify", .choice(allCases.map(\.rawValue)), standard: size.rawValue, help: help)
    }
}
