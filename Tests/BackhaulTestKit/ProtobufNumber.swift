/// One Protobuf field with a number, as the wire format has it (varint). Appended to a message it replaces the field's
/// value, also by one that the program's own types cannot hold: of a field that repeats, the last value counts.
package enum ProtobufNumber {
    package static func field(_ number: UInt64, _ value: UInt64) -> [UInt8] {
        varint(number << 3) + varint(value)
    }

    package static func field(_ number: UInt64, _ value: Int64) -> [UInt8] {
        field(number, UInt64(bitPattern: value))
    }

    private static func varint(_ number: UInt64) -> [UInt8] {
        var rest = number
        var bytes: [UInt8] = []
        repeat {
            bytes.append(UInt8(rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        return bytes
    }
}
