package import BackhaulDomain
internal import BackhaulUnits
internal import Foundation

/// An act as JSON: schemas/json/act.v1.schema.json. Every key is always present.
package struct ActDocument: Hashable, Sendable, Codable {
    package var act: String
    package var outcome: String
    package var caller: ByteText
    /// http, command-line or service.
    package var way: String
    /// The caller's IP address; null unless the way is http.
    @Nullable package var address: String?
    @Nullable package var tenant: ByteText?
    @Nullable package var batch: ByteText?
    package var taskIds: [ByteText]
    package var tasks: Int
    package var counts: [String: Int]
    package var detail: String
    /// The machine whose process recorded it.
    package var host: String
    /// RFC 3339, UTC, milliseconds.
    package var at: String

    package init(_ act: Act, host: String) {
        self.act = act.kind.rawValue
        outcome = act.outcome.rawValue
        caller = act.actor.name
        way = act.actor.way.rawValue
        _address = Nullable(wrappedValue: act.actor.address)
        _tenant = Nullable(wrappedValue: act.tenant)
        _batch = Nullable(wrappedValue: act.batch)
        taskIds = act.taskIDs
        tasks = act.tasks
        counts = act.counts
        detail = act.detail
        self.host = host
        at = TimeText.format(act.at)
    }

    package func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }

    /// - Throws: `RecordError`: anyone may have written the bytes.
    package static func decode(_ bytes: [UInt8]?) throws(RecordError) -> ActDocument {
        guard let bytes, let document = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else {
            throw .unreadable(what: "act")
        }
        func fail(_ problem: String) -> RecordError { .invalid(what: "act", problem: problem) }
        guard Act.Kind(rawValue: document.act) != nil, Act.Outcome(rawValue: document.outcome) != nil,
            Act.Actor.Way(rawValue: document.way) != nil
        else { throw fail("act, outcome or way is unknown") }
        let labels = [document.caller.text, document.address ?? "", document.host, document.tenant?.text ?? ""]
        guard labels.allSatisfy({ $0.utf8.count <= Domain.longestLabel }), document.at.utf8.count <= 40 else {
            throw fail("a label has more than \(Domain.longestLabel) bytes")
        }
        guard document.detail.utf8.count <= Act.longestDetail, document.taskIds.count <= Act.listed else {
            throw fail("it is too long")
        }
        guard Domain.counts.contains(document.tasks), document.counts.values.allSatisfy(Domain.counts.contains) else {
            throw fail("a count is out of range")
        }
        return document
    }
}
