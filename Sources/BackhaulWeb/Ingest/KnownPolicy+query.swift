internal import BackhaulIngest
internal import HTTPTypes

extension KnownPolicy {
    /// The policy of a submission's query; `retry` without one.
    /// - Throws: `Problem` with 400 for another word, or another parameter.
    init(_ query: [String: String]) throws {
        for name in query.keys where name != "known" {
            throw TaskQuery.bad("'\(name.prefix(64))' is not a parameter here; the parameter is known")
        }
        guard let text = query["known"] else {
            self = .retry
            return
        }
        guard let policy = KnownPolicy(rawValue: text) else {
            throw TaskQuery.bad("'known' must be one of \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self = policy
    }
}
