import BackhaulDomain
import BackhaulUnits
import Testing

@Suite("Task rules")
struct TaskRulesTests {
    private func task(
        tenant: ByteText = "t", id: ByteText = "1", path: ByteText = "a/b.jpg", key: ByteText = "a/b.jpg",
        target: DestinationReference.Target = .named("nas"), batch: ByteText = "", size: ByteCount = ByteCount(1)
    ) -> UploadTask {
        UploadTask(
            identity: TaskIdentity(tenant: tenant, id: id), batch: batch,
            source: SourceReference(root: "r", path: path),
            destination: DestinationReference(target: target, key: key), size: size,
            modifiedAt: FileTime(nanoseconds: 0),
            acceptedAt: .earliest)
    }

    private func code(_ task: UploadTask) -> String? {
        do {
            try TaskRules.check(task)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func unusualKeysAreAccepted() {
        for name in ["ä b", "%41", "a#b?c&d+e", "日本 🎉", "~x", "'q\"", "..a", "a..", "-"] as [ByteText] {
            #expect(code(task(key: name)) == nil)
        }
    }

    @Test(arguments: [
        "", "/a", "a//b", "a/../b", "../\u{301}x", "..", ".", "a/.", "a\nb", "a\u{0}b", "a\u{7f}", "a/",
        ByteText(String(repeating: "x", count: 1_025)),
    ])
    func keyWithTraversalOrControlCharactersIsRefused(_ key: ByteText) {
        #expect(code(task(key: key)) == "bad-key")
    }

    @Test(arguments: ["/etc/passwd", "../x", "a/../../x", "a\nb"] as [ByteText])
    func pathTraversalIsRefused(_ path: ByteText) {
        #expect(code(task(path: path)) == "bad-path")
    }

    @Test(arguments: [
        ("http://user:secret@host/", "url-user-info"), ("http://user@host/", "url-user-info"),
        ("https://host/b?X-Amz-Signature=1", "url-query"), ("http://host/#x", "url-query"), ("ftp://host/", "bad-url"),
        ("file:///etc/", "bad-url"), ("gopher://x/", "bad-url"), ("http:///x", "bad-url"), ("http://a b/", "bad-url"),
        ("http://a\r\nX: y/", "bad-url"), ("http:\\\\host", "bad-url"),
    ])
    func invalidURLOrURLWithCredentialsIsRefused(_ url: ByteText, _ expected: String) {
        #expect(code(task(target: .url(url))) == expected)
    }

    @Test func invalidNamesAreRefused() {
        #expect(code(task(tenant: "")) == "bad-tenant")
        #expect(code(task(tenant: "a/b")) == "bad-tenant")
        #expect(code(task(id: "a/b")) == "bad-id")
        #expect(code(task(batch: "a\nb")) == "bad-batch")
        #expect(code(task(target: .named("../x"))) == "bad-destination")
    }

    @Test func sizeOutOfRangeIsRefused() {
        #expect(code(task(size: Domain.largestFile)) == nil)
        #expect(code(task(size: Domain.largestFile + ByteCount(1))) == "bad-size")
        #expect(code(task(size: ByteCount(.max))) == "bad-size")
    }

    @Test(arguments: ["\u{212a}evin", "caf\u{e9}", "", ".hidden", "a b"] as [ByteText])
    func tenantOutsideAlphabetIsRefused(_ tenant: ByteText) {
        #expect(code(task(tenant: tenant)) == "bad-tenant")
    }

    @Test func derivedTaskIDMatchesGoldenValue() {
        let target = DestinationReference(target: .named("nas"), key: "k")
        let source = SourceReference(root: "r", path: "p")
        func id(_ tenant: ByteText = "t", _ destination: DestinationReference, _ size: UInt64 = 1, _ time: Int64 = 2)
            -> ByteText
        {
            TaskIdentity.derivedID(
                tenant: tenant, destination: destination, source: source, size: ByteCount(size),
                modifiedAt: FileTime(nanoseconds: time))
        }
        // Golden value: any other would turn every repeated submission into a new task.
        #expect(id("t", target) == "59da48f99292b62a984e4807a96758a6")
        #expect(id("u", target) != id("t", target))
        #expect(id("t", target, 2) != id("t", target))
        #expect(id("t", target, 1, 3) != id("t", target))
        #expect(id("t", DestinationReference(target: .url("nas"), key: "k")) != id("t", target))
    }
}
