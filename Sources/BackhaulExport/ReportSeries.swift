internal import BackhaulUnits

/// How uploads went over time: equal columns from the first acceptance to the last end.
struct ReportSeries {
    struct Column {
        var stored = 0
        var failed = 0
        var size: UInt64 = 0
        /// Tasks that were accepted and had not ended at the end of the column, and how long the oldest had waited.
        var outstanding = 0
        var oldest: Int64 = 0
    }

    let start: Int64
    let width: Int64
    private(set) var columns: [Column]

    private static let most: Int64 = 60
    private static let minute: Int64 = 60_000
    /// Widths that people read easily, in milliseconds.
    private static let widths: [Int64] = [
        1_000, 5_000, 15_000, minute, 5 * minute, 15 * minute, 60 * minute, 3 * 60 * minute, 6 * 60 * minute,
        24 * 60 * minute, 7 * 24 * 60 * minute,
    ]

    init(_ spans: [ReportFacts.Span]) {
        let first = spans.map(\.accepted).min() ?? 0
        let last = spans.map { max($0.ended, $0.accepted) }.max() ?? 0
        let length = max(1, last - first)
        let fitting = Self.widths.first { length / $0 < Self.most } ?? length / Self.most + 1
        width = fitting
        start = first - first % fitting
        columns = [Column](repeating: Column(), count: Int((last - start) / fitting) + 1)
        var waiting = spans.filter(\.isFirst).sorted { $0.accepted < $1.accepted }[...]
        // The oldest first.
        var open: [ReportFacts.Span] = []
        for span in spans {
            let index = min(columns.count - 1, max(0, Int((span.ended - start) / fitting)))
            if span.isStored {
                columns[index].stored += 1
                columns[index].size = columns[index].size.addingClamped(span.size)
            } else {
                columns[index].failed += 1
            }
        }
        for index in columns.indices {
            let end = start + Int64(index + 1) * fitting
            while let next = waiting.first, next.accepted <= end {
                open.append(next)
                waiting = waiting.dropFirst()
            }
            open.removeAll { $0.ended <= end }
            columns[index].outstanding = open.count
            columns[index].oldest = open.first.map { end - $0.accepted } ?? 0
        }
    }
}
