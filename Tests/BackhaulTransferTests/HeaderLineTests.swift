import Testing

@testable import BackhaulTransfer

@Suite("Response header lines")
struct HeaderLineTests {
    private func line(_ text: String) -> HeaderLine { Array(text.utf8).withUnsafeBytes { HeaderLine($0) } }

    @Test func statusLinesAndFieldsAreParsed() {
        #expect(line("HTTP/1.1 201 Created\r\n") == .status(201))
        #expect(line("HTTP/1.1 204\r\n") == .status(204))
        #expect(line("HTTP/1.1 200 a: b\r\n") == .status(200))
        #expect(line("HTTP/1.1 teapot\r\n") == .status(nil))
        #expect(line("HTTP/1.1\r\n") == .status(nil))
        #expect(line("ETag: \"x: y\"\r\n") == .field(name: "etag", value: "\"x: y\""))
        #expect(line("X-Empty:\r\n") == .field(name: "x-empty", value: ""))
        #expect(line("Content-Length:\t 12 \r\n") == .field(name: "content-length", value: "12"))
        #expect(line("\r\n") == .other)
        #expect(line("") == .other)
        #expect(line("nothing") == .other)
    }

    @Test func invalidUTF8InHeaderIsReplaced() {
        let bytes: [UInt8] = Array("N\u{c4}: ".utf8) + [0xff, 0x0d, 0x0a]
        let read = bytes.withUnsafeBytes { HeaderLine($0) }
        #expect(read == .field(name: "n\u{c4}", value: "\u{fffd}"))
    }
}
