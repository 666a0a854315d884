internal import Foundation

/// Reads one flat JSON object (RFC 8259) of strings, whole numbers, booleans and nulls, in one pass over its bytes.
/// Refuses everything else and leaves it to a full parser.
struct JSONFields {
    enum Value: Hashable {
        case text(String)
        case number(Int64)
        case flag(Bool)
        case null
    }

    /// - Returns: nil for anything else, also for an object with escapes or with a name twice.
    static func read(_ bytes: [UInt8]) -> JSONFields? {
        bytes.withUnsafeBufferPointer { buffer in
            var reader = Reader(bytes: buffer)
            guard let members = reader.object() else { return nil }
            reader.blank()
            guard reader.index == buffer.count else { return nil }
            return JSONFields(bytes: bytes, members: members, isSorted: reader.isSorted)
        }
    }

    /// A name and its value, as ranges of the bytes: a string is made only when it is read.
    private struct Member {
        enum Content {
            case text(Range<Int>)
            case number(Int64)
            case flag(Bool)
            case null
        }

        let name: Range<Int>
        let content: Content
    }

    private let bytes: [UInt8]
    private let members: [Member]
    /// Whether the names are in order, as this program writes them.
    private let isSorted: Bool

    /// The value of a name; nil when the object does not have it.
    subscript(name: StaticString) -> Value? {
        bytes.withUnsafeBufferPointer { bytes in
            let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
            guard let member = member(wanted[...], bytes) else { return nil }
            return switch member.content {
            // The reader has validated the UTF-8.
            case .text(let range): .text(String(decoding: bytes[range], as: UTF8.self))
            case .number(let number): .number(number)
            case .flag(let flag): .flag(flag)
            case .null: .null
            }
        }
    }

    private func member(_ wanted: Slice<UnsafeBufferPointer<UInt8>>, _ bytes: UnsafeBufferPointer<UInt8>) -> Member? {
        guard isSorted else { return members.first { isSame(bytes[$0.name], wanted) } }
        var (low, high) = (0, members.count)
        while low < high {
            let middle = (low + high) / 2
            switch order(bytes[members[middle].name], wanted) {
            case 0: return members[middle]
            case ..<0: low = middle + 1
            default: high = middle
            }
        }
        return nil
    }

    private struct Reader {
        /// Whether each name so far is behind the one before it: then none is there twice.
        var isSorted = true
        let bytes: UnsafeBufferPointer<UInt8>
        var index = 0

        mutating func object() -> [Member]? {
            guard take(UInt8(ascii: "{")) else { return nil }
            var members: [Member] = []
            members.reserveCapacity(40)
            if take(UInt8(ascii: "}")) { return members }
            while true {
                blank()
                guard let name = string(), take(UInt8(ascii: ":")), let content = content(), members.count < 64
                else { return nil }
                if let last = members.last, order(bytes[last.name], bytes[name]) >= 0 { isSorted = false }
                guard isSorted || !members.contains(where: { isSame(bytes[$0.name], bytes[name]) }) else { return nil }
                members.append(Member(name: name, content: content))
                if take(UInt8(ascii: ",")) { continue }
                return take(UInt8(ascii: "}")) ? members : nil
            }
        }

        private mutating func content() -> Member.Content? {
            blank()
            guard index < bytes.count else { return nil }
            switch bytes[index] {
            case UInt8(ascii: "\""): return string().map { .text($0) }
            case UInt8(ascii: "t"): return word("true") ? .flag(true) : nil
            case UInt8(ascii: "f"): return word("false") ? .flag(false) : nil
            case UInt8(ascii: "n"): return word("null") ? .null : nil
            case UInt8(ascii: "0")...UInt8(ascii: "9"): return number()
            default: return nil
            }
        }

        private mutating func string() -> Range<Int>? {
            guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { return nil }
            let start = index + 1
            var end = start
            var all: UInt8 = 0
            while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
                guard bytes[end] >= 0x20, bytes[end] != UInt8(ascii: "\\") else { return nil }
                all |= bytes[end]
                end += 1
            }
            guard end < bytes.count else { return nil }
            index = end + 1
            if all >= 0x80, String(validating: UnsafeBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self) == nil
            {
                return nil
            }
            return start..<end
        }

        /// Whole numbers of at most 18 digits, which fit `Int64`; no sign, no fraction, no leading zero.
        private mutating func number() -> Member.Content? {
            let start = index
            var number: Int64 = 0
            while index < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) {
                guard index - start < 18 else { return nil }
                number = number * 10 + Int64(bytes[index] - UInt8(ascii: "0"))
                index += 1
            }
            guard index - start == 1 || bytes[start] != UInt8(ascii: "0"), index < bytes.count else { return nil }
            switch bytes[index] {
            case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): return nil
            default: return .number(number)
            }
        }

        private mutating func word(_ word: StaticString) -> Bool {
            let count = word.utf8CodeUnitCount
            guard index + count <= bytes.count,
                bytes[index..<index + count].elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: count))
            else { return false }
            index += count
            return true
        }

        private mutating func take(_ byte: UInt8) -> Bool {
            blank()
            guard index < bytes.count, bytes[index] == byte else { return false }
            index += 1
            return true
        }

        mutating func blank() {
            while index < bytes.count {
                switch bytes[index] {
                case 0x20, 0x09, 0x0a, 0x0d: index += 1
                default: return
                }
            }
        }
    }
}

private func isSame(_ left: Slice<UnsafeBufferPointer<UInt8>>, _ right: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    left.count == right.count && left.elementsEqual(right)
}

/// As memcmp: below 0, 0 or above 0; a name is before those that it begins.
private func order(_ left: Slice<UnsafeBufferPointer<UInt8>>, _ right: Slice<UnsafeBufferPointer<UInt8>>) -> Int {
    let (left, right) = (UnsafeBufferPointer(rebasing: left), UnsafeBufferPointer(rebasing: right))
    let count = min(left.count, right.count)
    if let a = left.baseAddress, let b = right.baseAddress, count > 0 {
        let difference = memcmp(a, b, count)
        if difference != 0 { return Int(difference) }
    }
    return left.count - right.count
}
