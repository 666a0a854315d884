/// What was checked before an upload was called a success. Each type of destination adds its own words.
package struct Verification: RawRepresentable, Hashable, Sendable {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    /// The object was read back and hashed.
    package static let readBack = Verification(rawValue: "read-back")
    /// The size that the server named was right before the object got its name.
    package static let size = Verification(rawValue: "size")
}
