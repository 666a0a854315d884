/// A set of offsets at or beyond a base, as bits. The base is the frontier with which the set was written.
///
/// Its text form is stored with a position (Kafka: in the commit metadata, at most 4096 bytes; no NUL byte, since
/// librdkafka below 2.6.1 truncates there). Of two forms, the shorter one is written:
/// - `1r` + run lengths, decimal, comma-separated, beginning with the unfinished run at the frontier: `1r1,5000`;
/// - `1b` + base64url digits of six bits each, lowest offset in the highest bit.
/// A span of 20,000 offsets takes at most 3,336 characters.
package struct FinishedMap: Hashable, Sendable {
    /// The offset of bit 0.
    package private(set) var base: Int64
    private var words: [UInt64] = []

    package init(base: Int64) {
        self.base = base
    }

    /// Whether the offset is in the set.
    package func contains(_ offset: Int64) -> Bool {
        guard offset >= base, offset - base < Int64(words.count) * 64 else { return false }
        let bit = Int(offset - base)
        return words[bit >> 6] >> UInt64(bit & 63) & 1 == 1
    }

    /// Adds an offset; ignores one outside `base ..< base + limit`.
    package mutating func insert(_ offset: Int64) {
        guard offset >= base, offset - base < Self.limit else { return }
        let bit = Int(offset - base)
        while words.count <= bit >> 6 { words.append(0) }
        words[bit >> 6] |= 1 << UInt64(bit & 63)
    }

    /// Adds every offset of the range that is within the limit.
    package mutating func insert(_ range: Range<Int64>) {
        let end = min(range.upperBound, base.addingReportingOverflow(Self.limit).partialValue)
        var offset = max(range.lowerBound, base)
        while offset < end {
            insert(offset)
            offset += 1
        }
    }

    /// Moves the base up to at most `offset`, and drops offsets below the new base.
    package mutating func rebase(to offset: Int64) {
        guard offset > base else { return }
        // Whole words only, so that no bits are shifted.
        let drop = min(Int((offset - base) >> 6), words.count)
        if drop == words.count, offset - base >= Int64(words.count) * 64 {
            words.removeAll(keepingCapacity: true)
            base = offset
        } else {
            words.removeFirst(drop)
            base += Int64(drop) * 64
        }
    }

    /// The first offset at or beyond `offset` that is not in the set.
    package func firstMissing(from offset: Int64) -> Int64 {
        var offset = max(offset, base)
        while true {
            let bit = offset - base
            guard bit < Int64(words.count) * 64 else { return offset }
            let word = ~words[Int(bit >> 6)] >> UInt64(bit & 63)
            if word != 0 { return offset + Int64(word.trailingZeroBitCount) }
            offset = base + (bit >> 6 + 1) * 64
        }
    }

    /// The largest offset of the set, or nil when it is empty.
    package var last: Int64? {
        for index in words.indices.reversed() where words[index] != 0 {
            return base + Int64(index) * 64 + 63 - Int64(words[index].leadingZeroBitCount)
        }
        return nil
    }

    /// The number of offsets in the set at or beyond `offset`.
    package func count(from offset: Int64) -> Int {
        var count = 0
        for (index, word) in words.enumerated() {
            let start = base + Int64(index) * 64
            if start >= offset {
                count += word.nonzeroBitCount
            } else if start + 64 > offset {
                count += (word >> UInt64(offset - start)).nonzeroBitCount
            }
        }
        return count
    }

    /// The text form, relative to `frontier`; empty when nothing at or beyond it is in the set.
    package func text(frontier: Int64) -> String {
        guard let last, last >= frontier else { return "" }
        var runs: [Int64] = []
        var offset = frontier
        while offset <= last {
            let gap = firstPresent(from: offset)
            let end = firstMissing(from: gap)
            runs.append(gap - offset)
            runs.append(end - gap)
            offset = end
            // From this many runs on, the bitmap is always the shorter form.
            if runs.count * 2 > Int(last - frontier) / 6 + 8 { return bitmapText(from: frontier, through: last) }
        }
        let byRuns = "1r" + runs.map(String.init).joined(separator: ",")
        return byRuns.utf8.count <= Int(last - frontier) / 6 + 3
            ? byRuns : bitmapText(from: frontier, through: last)
    }

    /// Reads a text form. Offsets beyond `limit` are left out: those records are delivered again.
    /// - Throws: `LogError.damaged` when the text is not such a form.
    package init(text: String, frontier: Int64) throws {
        self.init(base: frontier)
        guard !text.isEmpty else { return }
        guard Self.bases.contains(frontier) else {
            throw LogError.damaged(what: "a position of \(frontier) is out of range", place: String(text.prefix(40)))
        }
        let damaged = LogError.damaged(
            what: "the map of finished records is unreadable", place: String(text.prefix(40)))
        let body = text.utf8.dropFirst(2)
        switch text.prefix(2) {
        case "1r":
            var offset = frontier
            var present = false
            for run in body.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
                guard let length = Int64(Substring(run)), length >= 0 else { throw damaged }
                // Below the limit no sum overflows; beyond it nothing is kept.
                guard offset - frontier < Self.limit else { continue }
                let end = offset + min(length, Self.limit)
                if present { insert(offset..<end) }
                offset = end
                present.toggle()
            }
        case "1b":
            for (index, digit) in body.enumerated() {
                guard let value = Self.digits.firstIndex(of: digit) else { throw damaged }
                guard Int64(index) * 6 < Self.limit else { continue }
                for bit in 0..<6 where value >> (5 - bit) & 1 == 1 { insert(frontier + Int64(index * 6 + bit)) }
            }
        default:
            throw damaged
        }
    }

    /// Offsets beyond the base that a set may contain: three times the span of a writer
    /// (`OffsetLedger.maximumSpan`), so that a text from outside takes at most 8 KiB.
    static let limit: Int64 = 65_536
    /// Bases to which the limit can be added without overflow.
    static let bases: ClosedRange<Int64> = 0...(Int64.max - 2 * limit)
    /// Offsets that a ledger accepts: finishing them keeps its frontier within `bases`.
    static let offsets: ClosedRange<Int64> = 0...(Int64.max - 4 * limit)
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private func firstPresent(from offset: Int64) -> Int64 {
        var offset = max(offset, base)
        while true {
            let bit = offset - base
            guard bit < Int64(words.count) * 64 else { return offset }
            let word = words[Int(bit >> 6)] >> UInt64(bit & 63)
            if word != 0 { return offset + Int64(word.trailingZeroBitCount) }
            offset = base + (bit >> 6 + 1) * 64
        }
    }

    private func bitmapText(from frontier: Int64, through last: Int64) -> String {
        var text: [UInt8] = Array("1b".utf8)
        var offset = frontier
        while offset <= last {
            var digit = 0
            for bit in 0..<6 where contains(offset + Int64(bit)) { digit |= 1 << (5 - bit) }
            text.append(Self.digits[digit])
            offset += 6
        }
        return String(decoding: text, as: UTF8.self)
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.offsets == right.offsets
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(offsets)
    }

    /// Every offset of the set, ascending.
    package var offsets: [Int64] {
        words.enumerated().flatMap { index, word in
            (0..<64).compactMap { word >> UInt64($0) & 1 == 1 ? base + Int64(index * 64 + $0) : nil }
        }
    }
}
