/// Where the keys that sign JWTs come from.
package protocol KeySetSource: Sendable {
    /// A JSON Web Key Set (RFC 7517).
    /// - Throws: whatever kept it from being read.
    func fetch() async throws -> String
}
