internal import BackhaulLog

/// How far a stream of events has read the results: an event's id, by which a client goes on where it was. It names
/// positions in the log, so any process goes on from it.
struct EventCursor: Hashable, Sendable {
    /// Where to read on, by partition number.
    var next: [Int: Int64]

    init(_ next: [Int: Int64]) { self.next = next }

    /// nil for a text that is no cursor.
    init?(_ text: String) {
        var next: [Int: Int64] = [:]
        for part in text.split(separator: ",") {
            let pair = part.split(separator: ".", omittingEmptySubsequences: false)
            guard pair.count == 2, let number = Int(pair[0]), number >= 0, let offset = Int64(pair[1]), offset >= 0
            else {
                return nil
            }
            next[number] = offset
        }
        guard !next.isEmpty else { return nil }
        self.next = next
    }

    var text: String { next.sorted { $0.key < $1.key }.map { "\($0.key).\($0.value)" }.joined(separator: ",") }
}
