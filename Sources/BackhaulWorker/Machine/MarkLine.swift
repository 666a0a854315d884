internal import BackhaulLog
internal import BackhaulUnits
internal import DequeModule

/// Running attempts in due order, since all in a line wait equally long. May still hold attempts that have ended. Pure.
struct MarkLine: Sendable {
    struct Entry: Sendable {
        var due: Timestamp
        /// The attempt's number, which tells it from a later one of the same delivery.
        var number: UInt64
        var reference: DeliveryReference
    }

    private var entries: Deque<Entry> = []

    var next: Timestamp? { entries.first?.due }

    mutating func append(_ entry: Entry) {
        var entry = entry
        if let last = entries.last { entry.due = max(entry.due, last.due) }
        entries.append(entry)
    }

    /// Removes and returns the attempts that are due, and those that have ended before them.
    mutating func take(_ now: Timestamp, isRunning: (Entry) -> Bool) -> [Entry] {
        var due: [Entry] = []
        while let entry = entries.first {
            if isRunning(entry) {
                guard entry.due <= now else { break }
                due.append(entry)
            }
            entries.removeFirst()
        }
        return due
    }
}
