package import BackhaulDomain
internal import BackhaulUnits

/// A failed attempt, in a result.
package struct ResultRetry: Hashable, Sendable, Codable {
    /// From 1. A failure that spends no attempt has the number of the next one.
    package var attempt: Int
    /// RFC 3339, UTC, milliseconds.
    package var at: String
    /// The class of the failure.
    package var kind: String
    @Nullable package var httpStatus: Int?

    package init(_ record: AttemptRecord) {
        attempt = record.attempt
        at = TimeText.format(record.at)
        kind = record.failure
        _httpStatus = Nullable(wrappedValue: record.httpStatus)
    }

    var isValid: Bool {
        Domain.counts.contains(attempt) && at.utf8.count <= 40 && kind.utf8.count <= Domain.longestLabel
            && (httpStatus.map(Domain.statuses.contains) ?? true)
    }

    static func write(_ retries: [ResultRetry]?, to json: inout JSONText) {
        guard let retries else { return json.raw("null") }
        json.raw("[")
        for (index, retry) in retries.enumerated() {
            if index > 0 { json.raw(",") }
            json.raw("{\"at\":")
            json.text(retry.at)
            json.raw(",\"attempt\":")
            json.number(retry.attempt)
            json.raw(",\"httpStatus\":")
            json.count(retry.httpStatus)
            json.raw(",\"kind\":")
            json.text(retry.kind)
            json.raw("}")
        }
        json.raw("]")
    }
}
