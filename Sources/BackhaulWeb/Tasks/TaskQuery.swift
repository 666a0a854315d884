internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits
internal import BackhaulView
internal import Foundation
internal import HTTPTypes

/// Parses and checks the query of a search.
enum TaskQuery {
    private static let known: Set<String> = [
        "batch", "state", "open", "destination", "failure", "name", "acceptedFrom", "acceptedBefore", "limit", "cursor",
    ]

    /// The most tasks of a page.
    static let largestPage = 1_000

    /// - Throws: `Problem` with 400 or 422 for an invalid query.
    static func search(_ query: [String: String], tenant: ByteText) throws(Problem) -> TaskSearch {
        for name in query.keys where !known.contains(name) {
            throw bad(
                "'\(name.prefix(64))' is not a parameter here; the parameters are "
                    + "\(known.sorted().joined(separator: ", "))")
        }
        var search = TaskSearch(tenant: tenant)
        if let text = query["batch"] { search.batch = try batch(text) }
        if let text = query["state"] {
            guard let state = TaskState(rawValue: text) else {
                throw bad("'state' must be one of \(TaskState.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            search.state = state
        }
        if let text = query["open"] {
            guard text == "true" || text == "false" else { throw bad("'open' must be true or false") }
            search.isOpen = text == "true"
        }
        if let text = query["failure"] {
            guard FailureClass(rawValue: text) != nil else {
                throw bad("'failure' must be one of \(FailureClass.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            search.failure = text
        }
        search.name = query["name"].map { ByteText($0) }
        search.destination = query["destination"].map { ByteText($0) }
        search.acceptedFrom = try time(query["acceptedFrom"], "acceptedFrom")
        search.acceptedBefore = try time(query["acceptedBefore"], "acceptedBefore")
        if let text = query["limit"] {
            guard let limit = Int(text), (1...largestPage).contains(limit) else {
                throw bad("'limit' must be 1 to \(largestPage)")
            }
            search.limit = limit
        }
        if let text = query["cursor"] {
            guard let cursor = cursor(text) else {
                throw Problem(.unprocessableContent, "bad-cursor", "'cursor' was not issued by this API")
            }
            search.after = cursor
        }
        return search
    }

    static func check(tenant: ByteText) throws(Problem) {
        do {
            try TaskRules.checkTenant(tenant)
        } catch {
            throw Problem(.unprocessableContent, error.code, error.message)
        }
    }

    static func batch(_ text: String) throws(Problem) -> ByteText {
        guard !text.isEmpty else { throw bad("'batch' is empty") }
        let batch = ByteText(text)
        do {
            try TaskRules.checkBatch(batch)
        } catch {
            throw Problem(.unprocessableContent, error.code, error.message)
        }
        return batch
    }

    /// Opaque to callers.
    static func text(_ cursor: TaskSearch.Cursor) -> String {
        Data("\(cursor.acceptedAt.milliseconds)/\(cursor.id)".utf8).base64EncodedString().replacing("+", with: "-")
            .replacing("/", with: "_").replacing("=", with: "")
    }

    static func cursor(_ text: String) -> TaskSearch.Cursor? {
        var padded = text.replacing("-", with: "+").replacing("_", with: "/")
        padded += String(repeating: "=", count: (4 - padded.count % 4) % 4)
        guard let data = Data(base64Encoded: padded), let plain = String(data: data, encoding: .utf8) else {
            return nil
        }
        let parts = plain.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let time = Int64(parts[0]).flatMap(Timestamp.init(exactly:)) else { return nil }
        return TaskSearch.Cursor(acceptedAt: time, id: ByteText(parts[1]))
    }

    /// Parses `topic:partition:offset`, as in the answer to a submission.
    static func position(_ text: String) throws(Problem) -> LogPosition {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let partition = Int(parts[1]), partition >= 0, let offset = Int64(parts[2]), offset >= 0
        else { throw bad("'after' must be topic:partition:offset, as in the answer to the submission") }
        return LogPosition(partition: TopicPartition(topic: String(parts[0]), partition: partition), offset: offset)
    }

    private static func time(_ text: String?, _ name: String) throws(Problem) -> Timestamp? {
        guard let text else { return nil }
        guard let time = TimeText.parse(text) else {
            throw Problem(
                .unprocessableContent, "bad-time",
                "'\(name)' is not an RFC 3339 time between 1970 and 2262, such as 2026-11-23T05:44:27Z")
        }
        return time.timestamp
    }

    static func bad(_ detail: String) -> Problem { Problem(.badRequest, "bad-query", detail) }
}
