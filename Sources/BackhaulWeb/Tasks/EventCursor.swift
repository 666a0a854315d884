internal import BackhaulLog

/// How far an event stream has read the results: the id of an event, from which a client resumes. It holds
/// positions in the log, so any process can resume from it.
struct EventCursor: Hashable, Sendable {
    /// The next offset to read, by partition number.
    var next: [Int: Int64]

    init(_ next: [Int: Int64]) { self.next = next }

    /// Returns nil for a text that is not a cursor.
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
