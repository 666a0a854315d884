/// The source of the keys that verify JWTs.
package protocol KeySetSource: Sendable {
    /// Fetches a JSON Web Key Set (RFC 7517).
    /// - Throws: the error that prevented the fetch.
    func fetch() async throws -> String
}
