package import BackhaulDomain

/// What dead letters of one cause have in common: destination, class of failure, HTTP status, and the shape of the
/// message.
package struct LetterIssue: Hashable, Sendable {
    /// nil for letters that are not tasks.
    package var destination: ByteText?
    package var failure: String
    package var httpStatus: Int?
    /// The message without what differs from task to task.
    package var shape: String

    package init(_ letter: DeadLetter) {
        destination = letter.task?.destination.label
        failure = letter.failure
        httpStatus = letter.httpStatus
        shape = Self.shape(of: letter.message)
    }

    /// Twelve hex digits, the same in every process.
    package var id: String {
        let names = [destination?.text ?? "", failure, httpStatus.map(String.init) ?? "", shape]
        let digest = NameDigest(names.map { ByteText($0) })
        return Hex.encode((0..<6).map { UInt8(truncatingIfNeeded: digest.high >> (56 - 8 * UInt64($0))) })
    }

    static func id(of letter: DeadLetter) -> String { LetterIssue(letter).id }

    /// The longest shape, in bytes.
    package static let longestShape = 160

    /// The message with each quoted text, and each word with a digit or a slash, replaced by `…`: names, numbers,
    /// addresses and times differ from task to task.
    package static func shape(of message: String) -> String {
        var result: [UInt8] = []
        var word: [UInt8] = []
        var differs = false
        var quote: UInt8?
        func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") }
        func end() {
            if differs {
                let tail = word.reversed().prefix {
                    [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: ":")].contains($0)
                }
                result += Array("…".utf8) + tail.reversed()
            } else {
                result += word
            }
            word = []
            differs = false
        }
        for byte in message.utf8.prefix(Failure.longestMessage) {
            if let open = quote {
                if byte == open { quote = nil }
                continue
            }
            if isQuote(byte), word.isEmpty {
                quote = byte
                differs = true
                continue
            }
            guard byte != UInt8(ascii: " ") else {
                end()
                if result.last != byte { result.append(byte) }
                continue
            }
            word.append(byte)
            if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "/") { differs = true }
        }
        end()
        return String(decoding: result, as: UTF8.self).bounded(toBytes: longestShape)
    }
}
