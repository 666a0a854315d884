/// Splits a stream of bytes into lines; pure. Reports a line longer than the limit as `tooLong` and skips it to its
/// end, so that no caller decides how much memory is used.
struct LineSplitter: Equatable, Sendable {
    enum Line: Equatable, Sendable {
        case line([UInt8])
        case tooLong
    }

    private let limit: Int
    private var rest: [UInt8] = []
    private var isSkipping = false

    /// - Parameter limit: maximum length of a line, in bytes, without its newline.
    init(limit: Int) { self.limit = limit }

    /// Adds bytes and returns the lines that they complete. A carriage return before the newline is removed.
    mutating func take(_ bytes: some Sequence<UInt8>) -> [Line] {
        var lines: [Line] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if let line = end() { lines.append(line) }
            } else if !isSkipping {
                if rest.count == limit {
                    isSkipping = true
                    rest = []
                } else {
                    rest.append(byte)
                }
            }
        }
        return lines
    }

    /// Ends the stream and returns its last line, which needs no newline.
    mutating func finish() -> Line? { rest.isEmpty && !isSkipping ? nil : end() }

    private mutating func end() -> Line? {
        defer {
            rest = []
            isSkipping = false
        }
        if isSkipping { return .tooLong }
        if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
        return .line(rest)
    }
}
