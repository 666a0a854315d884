/// A header whose value no description shows.
package struct SecretHeader: Hashable, Sendable {
    package var name: String
    package var value: Secret

    package init(name: String, value: Secret) {
        self.name = name
        self.value = value
    }
}
