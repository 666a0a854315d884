/// A configuration that cannot be used: where, what, and what to do.
package struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file or the environment variable.
    package var place: String
    package var message: String

    package init(_ place: String, _ message: String) {
        self.place = place
        self.message = message
    }

    package var description: String { "\(place): \(message)" }
}
