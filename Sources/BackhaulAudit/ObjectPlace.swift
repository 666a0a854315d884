internal import BackhaulDomain

/// Where an object is: a destination's name or URL, and a key.
struct ObjectPlace: Hashable, Sendable {
    var destination: ByteText
    var key: ByteText

    /// The place as a column: neither a name nor a URL contains the byte 0.
    var bytes: [UInt8] { Array(destination.utf8) + [0] + Array(key.utf8) }

    init(destination: ByteText, key: ByteText) {
        self.destination = destination
        self.key = key
    }

    init(_ bytes: [UInt8]) {
        let end = bytes.firstIndex(of: 0) ?? bytes.endIndex
        destination = ByteText(String(decoding: bytes[..<end], as: UTF8.self))
        key = ByteText(String(decoding: bytes[min(end + 1, bytes.endIndex)...], as: UTF8.self))
    }
}
