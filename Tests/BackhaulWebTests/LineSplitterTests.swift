import Testing

@testable import BackhaulWeb

@Suite("Line splitter")
struct LineSplitterTests {
    private func lines(_ chunks: [String], limit: Int = 8) -> [LineSplitter.Line] {
        var splitter = LineSplitter(limit: limit)
        var lines = chunks.flatMap { splitter.take($0.utf8) }
        if let last = splitter.finish() { lines.append(last) }
        return lines
    }

    private func line(_ text: String) -> LineSplitter.Line { .line(Array(text.utf8)) }

    @Test func chunkBoundariesDoNotMatter() {
        let expected = [line("one"), line(""), line("two")]
        #expect(lines(["one\n\ntwo"]) == expected)
        #expect(lines(["o", "ne", "\n", "\nt", "wo\n"]) == expected)
        #expect(lines(["one\r\n", "\r", "\ntwo\r\n"]) == expected)
        #expect(lines([""]).isEmpty && lines([]).isEmpty)
    }

    @Test func tooLongLineIsReportedAndSkipped() {
        #expect(lines(["12345678\n123456789\nnext\n"]) == [line("12345678"), .tooLong, line("next")])
        #expect(lines(["123456789", "0123", "4567\nnext"]) == [.tooLong, line("next")])
        #expect(lines(["123456789"]) == [.tooLong])
    }
}
