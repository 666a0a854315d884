internal import HTTPTypes

/// What a submission does with tasks whose last generation failed, expired or was cancelled.
enum KnownPolicy: String, CaseIterable, Sendable {
    /// Accepts them again, as the next generation.
    case retry
    /// Leaves them as they are.
    case skip
    /// Refuses them.
    case fail

    /// - Throws: `Problem` with 400 for another word.
    init(_ query: [String: String]) throws {
        for name in query.keys where name != "known" {
            throw Problem(
                .badRequest, "bad-query", "'\(name.prefix(64))' is not a parameter here; the parameter is known")
        }
        guard let text = query["known"] else {
            self = .retry
            return
        }
        guard let policy = KnownPolicy(rawValue: text) else {
            throw Problem(.badRequest, "bad-query", "'known' must be one of retry, skip, fail")
        }
        self = policy
    }
}
