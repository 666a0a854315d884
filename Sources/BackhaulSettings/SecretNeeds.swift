/// Which files of secrets a process reads. The others need not be there, nor be readable: an operator's laptop has no
/// business with the passwords of destinations.
package struct SecretNeeds: OptionSet, Hashable, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    /// What uploads need: tokens, passwords, headers and keys of destinations.
    package static let destinations = SecretNeeds(rawValue: 1 << 0)
    /// The hashes of the callers' tokens.
    package static let callers = SecretNeeds(rawValue: 1 << 1)
    /// What clients of the brokers need.
    package static let kafka = SecretNeeds(rawValue: 1 << 2)

    package static let all: SecretNeeds = [.destinations, .callers, .kafka]
}
