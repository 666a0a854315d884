internal import BackhaulLog

/// A record's headers as one blob: their number, then each name and value after its length. Numbers are LEB128. The
/// length of a value is stored plus 1; 0 means null.
enum HeaderBlock {
    static func encode(_ headers: [LogHeader]) -> [UInt8] {
        guard !headers.isEmpty else { return [] }
        var bytes: [UInt8] = []
        append(UInt64(headers.count), to: &bytes)
        for header in headers {
            append(UInt64(header.name.utf8.count), to: &bytes)
            bytes.append(contentsOf: header.name.utf8)
            append(UInt64(header.value.map { $0.count + 1 } ?? 0), to: &bytes)
            if let value = header.value { bytes.append(contentsOf: value) }
        }
        return bytes
    }

    /// Decodes the headers; nil when `encode` did not write the blob.
    static func decode(_ bytes: [UInt8]) -> [LogHeader]? {
        guard !bytes.isEmpty else { return [] }
        var index = 0
        guard let count = number(bytes, &index), count <= UInt64(bytes.count) else { return nil }
        var headers: [LogHeader] = []
        headers.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let nameLength = number(bytes, &index), nameLength <= UInt64(bytes.count - index),
                let name = String(validating: bytes[index..<index + Int(nameLength)], as: UTF8.self)
            else { return nil }
            index += Int(nameLength)
            guard let mark = number(bytes, &index) else { return nil }
            guard mark > 0 else {
                headers.append(LogHeader(name, nil))
                continue
            }
            guard mark - 1 <= UInt64(bytes.count - index) else { return nil }
            headers.append(LogHeader(name, Array(bytes[index..<index + Int(mark - 1)])))
            index += Int(mark - 1)
        }
        return index == bytes.count ? headers : nil
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private static func number(_ bytes: [UInt8], _ index: inout Int) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 35, by: 7) {
            guard index < bytes.count else { return nil }
            let byte = bytes[index]
            index += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}
