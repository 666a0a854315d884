import BackhaulDestinations
import BackhaulTestKit
import Testing

@Suite("XML of servers")
struct XMLTreeTests {
    private func read(_ text: String) -> XMLTree? { XMLTree(Array(text.utf8)) }

    @Test func elementsAreRead() throws {
        let tree = try #require(
            read(
                """
                <?xml version="1.0" encoding="UTF-8"?>
                <!-- a > comment -->
                <d:list xmlns:d="DAV:" note='a > b'><Part><Number>1</Number><ETag>&quot;a&amp;b&#33;&#x41;&quot;</ETag>\
                </Part><Part/><Text><![CDATA[<raw> &amp;]]> end</Text></d:list>
                """))
        #expect(tree.name == "list")
        #expect(tree.all("Part").count == 2)
        #expect(tree.first("Part")?["ETag"] == "\"a&b!A\"")
        #expect(tree["Text"] == "<raw> &amp; end")
        #expect(tree["Missing"] == nil)
    }

    @Test(arguments: [
        "", "text", "<a>", "<a></b>", "<a", "</a>", "<a><b></a></b>", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        "<a><!-- ", "<a><![CDATA[", "<a b='></a>", "< a/>", "<:></:>",
    ])
    func brokenDocumentsAreRefused(_ text: String) { #expect(read(text) == nil) }

    @Test func unknownReferencesStay() {
        #expect(
            read("<a>&x; & &#xFFFFFFFF; &#0000000000000065; &lt</a>")?.text
                == "&x; & &#xFFFFFFFF; &#0000000000000065; &lt")
    }

    @Test func depthAndSizeAreBounded() {
        #expect(read(String(repeating: "<a>", count: 20) + String(repeating: "</a>", count: 20)) != nil)
        #expect(read(String(repeating: "<a>", count: 100) + String(repeating: "</a>", count: 100)) == nil)
        #expect(read("<a>" + String(repeating: "<b/>", count: 100_001) + "</a>") == nil)
    }

    /// Whatever a server sends, nothing traps, and what was read is within the document.
    @Test func hostileBytesAreHarmless() {
        var numbers = SeededNumbers(seed: 19)
        let parts = [
            "<", ">", "/", "a", "</a>", "<a>", "&", ";", "#x41", "<![CDATA[", "]]>", "<!--", "-->", "'", "\"", "\u{0}",
        ]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0..<24, using: &numbers)).map { _ in
                parts[Int.random(in: 0..<parts.count, using: &numbers)]
            }.joined()
            guard let tree = read(text) else { continue }
            #expect(tree.text.utf8.count <= text.utf8.count)
        }
    }
}
