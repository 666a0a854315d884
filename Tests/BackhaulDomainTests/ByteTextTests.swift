import BackhaulDomain
import Testing

@Suite("Byte text")
struct ByteTextTests {
    /// Texts that Swift's `String` considers equal.
    @Test(arguments: [
        ("caf\u{e9}", "cafe\u{301}"), ("K", "\u{212a}"), ("\u{c5}", "\u{212b}"), (";", "\u{37e}"),
        ("\u{1e69}", "s\u{323}\u{307}"), ("\u{1e69}", "s\u{307}\u{323}"),
    ])
    func canonicallyEquivalentTextsAreNotEqual(_ left: String, _ right: String) {
        #expect(left == right, "otherwise the test proves nothing")
        let (a, b) = (ByteText(left), ByteText(right))
        #expect(a != b)
        #expect(Set([a, b]).count == 2)
        #expect((a < b) != (b < a))
        #expect(Dictionary([(a, 1), (b, 2)]) { first, _ in first }.count == 2)
        #expect(!(a + b).hasPrefix(b) || !(b + a).hasPrefix(a))
        // Values that contain names follow the same rule.
        #expect(TaskIdentity(tenant: a, id: "1") != TaskIdentity(tenant: b, id: "1"))
        #expect(SourceReference(root: "r", path: a) != SourceReference(root: "r", path: b))
        #expect(
            DestinationReference(target: .named(a), key: "k") != DestinationReference(target: .named(b), key: "k"))
        #expect(
            Set([a, b].map { DestinationReference(target: .url("http://h/"), key: $0) }).count == 2)
    }

    @Test func byteTextSortsByBytes() {
        let texts: [ByteText] = ["b", "a", "", "ab", "\u{e9}", "e\u{301}", "Z"]
        #expect(texts.sorted().map(\.text.utf8.first) == texts.map(\.text.utf8.first).sorted { ($0 ?? 0) < ($1 ?? 0) })
    }

    @Test func textIsTruncatedByUTF8Length() {
        let long = "e" + String(repeating: "\u{301}", count: 10_000)
        #expect(long.count == 1)
        #expect(long.bounded(toBytes: 100).utf8.count == 99)
        #expect(Failure(.permanent, long).message.utf8.count <= Failure.longestMessage)
        #expect("abc".bounded(toBytes: 3) == "abc")
    }
}

private func + (left: ByteText, right: ByteText) -> ByteText { ByteText(left.text + right.text) }
