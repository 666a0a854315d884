/// Reads one flat JSON object (RFC 8259) whose values are texts, whole numbers, truths and nulls, in one pass over its
/// bytes. What it does not know, it refuses: whoever asks has a whole parser to turn to.
struct JSONFields {
    enum Value: Hashable {
        case text(String)
        case number(Int64)
        case flag(Bool)
        case null
    }

    /// - Returns: nil for anything but such an object, one with escapes or with a name twice included.
    static func read(_ bytes: [UInt8]) -> [String: Value]? {
        bytes.withUnsafeBufferPointer { buffer in
            var reader = JSONFields(bytes: buffer)
            guard let fields = reader.object() else { return nil }
            reader.blank()
            return reader.index == buffer.count ? fields : nil
        }
    }

    private let bytes: UnsafeBufferPointer<UInt8>
    private var index = 0

    private init(bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    private mutating func object() -> [String: Value]? {
        guard take(UInt8(ascii: "{")) else { return nil }
        var fields: [String: Value] = [:]
        fields.reserveCapacity(24)
        if take(UInt8(ascii: "}")) { return fields }
        while true {
            blank()
            guard let name = string(), take(UInt8(ascii: ":")), let value = value(), fields[name] == nil else {
                return nil
            }
            fields[name] = value
            if take(UInt8(ascii: ",")) { continue }
            return take(UInt8(ascii: "}")) ? fields : nil
        }
    }

    private mutating func value() -> Value? {
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

    private mutating func string() -> String? {
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { return nil }
        let start = index + 1
        var end = start
        while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
            guard bytes[end] >= 0x20, bytes[end] != UInt8(ascii: "\\") else { return nil }
            end += 1
        }
        guard end < bytes.count else { return nil }
        index = end + 1
        return String(validating: UnsafeBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self)
    }

    /// Whole numbers of at most 18 digits, which fit; no sign, no fraction, no leading zero.
    private mutating func number() -> Value? {
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

    private mutating func blank() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x09, 0x0a, 0x0d: index += 1
            default: return
            }
        }
    }
}
