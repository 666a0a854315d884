/// A configuration error: where it is, what is wrong and what to do.
package struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file and its line, the environment variable, or `default`.
    package var place: String
    package var message: String

    package init(_ place: String, _ message: String) {
        self.place = place
        self.message = message
    }

    package var description: String { "\(place): \(message)" }
}
