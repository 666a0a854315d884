import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Foundation
import Testing

@Suite("WebDAV dialects")
struct WebDAVDialectTests {
    private let content = Array("the content of a file".utf8)

    private var body: TransferBody {
        .bytes(
            LoadedBytes(
                bytes: content, sha256: PartDigest.sha256(of: content),
                attributes: FileAttributes(modifiedAt: FileTime(seconds: 1_700_000_000, nanoseconds: 5), permissions: 0)
            ))
    }

    private func destination(_ check: FileCheck = .size) -> WebDAVDestination {
        WebDAVDestination(base: HTTPDestination(url: "http://nas/dav"), check: check)
    }

    /// Runs a dialect; the step at `fault` breaks before or after it has its effect.
    private func run(
        _ dialect: any Dialect, _ server: inout WebDAVServerModel, breaks: (Int) -> Bool? = { _ in nil }
    ) throws -> DialectEnd {
        var dialect = dialect
        var step = dialect.begin(DialectStart(now: .earliest))
        for number in 0..<100 {
            switch step {
            case .stored(let object): return .stored(object)
            case .absent: return .absent
            case .swept(let count): return .swept(count)
            case .failed(let failure): throw failure
            case .request(let request):
                switch breaks(number) {
                case nil: step = dialect.next(try server.handle(request), now: .earliest)
                case true?:
                    // The server has done it; nobody hears of it.
                    _ = try server.handle(request)
                    step = dialect.next(TransferReport(failure: .broken("in the test")), now: .earliest)
                case false?:
                    try server.breakPut(request)
                    step = dialect.next(TransferReport(failure: .broken("in the test")), now: .earliest)
                }
            default: throw Failure(.malformed, "an unexpected step: \(step)")
            }
        }
        throw Failure(.malformed, "the dialect does not end")
    }

    private func upload(_ key: ByteText, _ check: FileCheck = .size, onlyIfAbsent: Bool = false)
        -> any Dialect
    {
        destination(check).upload(key: key, body: body, contentType: "", onlyIfAbsent: onlyIfAbsent)
    }

    @Test(arguments: [404, 409, 500]) func foldersAreMadeWhenTheyAreMissing(_ missing: Int) throws {
        var server = WebDAVServerModel()
        server.missingFolder = missing
        #expect(
            try run(upload("a b/c/é.jpg"), &server)
                == .stored(
                    StoredObject(
                        size: ByteCount(clamping: content.count), sha256: PartDigest.sha256(of: content),
                        verification: .size)))
        #expect(server.files == ["a b/c/é.jpg": content])
        let made = server.requests.filter { $0.hasPrefix("MKCOL") }
        #expect(made == ["MKCOL .backhaul-tmp", "MKCOL a b", "MKCOL a b/c"])
        // The second file finds them.
        _ = try run(upload("a b/c/2.jpg"), &server)
        #expect(server.requests.filter { $0.hasPrefix("MKCOL") }.count == 3)
        #expect(server.files.keys.sorted() == ["a b/c/2.jpg", "a b/c/é.jpg"])
    }

    @Test func sizeIsAskedForWhereAHeadSaysNothing() throws {
        var server = WebDAVServerModel()
        server.answersHEAD = false
        _ = try run(upload("k"), &server)
        #expect(server.requests.contains { $0.hasPrefix("PROPFIND .backhaul-tmp/") })
        #expect(try run(destination().look(key: "k"), &server) != .absent)
        #expect(try run(destination().look(key: "l"), &server) == .absent)
    }

    @Test func bytesAreReadBackBeforeTheNameIsGiven() throws {
        var server = WebDAVServerModel()
        guard case .stored(let object) = try run(upload("k", .readBack), &server) else { return }
        #expect(object.verification == .readBack)
        #expect(server.requests.map { $0.split(separator: " ")[0] } == ["PUT", "MKCOL", "PUT", "GET", "MOVE"])
    }

    @Test func existingObjectsAreKeptWhereTheyMustBe() throws {
        var server = WebDAVServerModel()
        server.put("k", [1])
        let failure = #expect(throws: Failure.self) { try run(upload("k", onlyIfAbsent: true), &server) }
        #expect(failure?.kind == .keyTaken)
        #expect(server.files["k"] == [1])
        _ = try run(upload("k"), &server)
        #expect(server.files["k"] == content)
    }

    /// Whichever step breaks, before or after it has its effect: the object is the old one or the new one, and the next
    /// attempt ends well and leaves nothing.
    @Test(arguments: [true, false]) func brokenStepsLeaveWholeObjects(_ hasEffect: Bool) throws {
        for number in 0..<8 {
            var server = WebDAVServerModel()
            server.put("a/k", [1])
            _ = try? run(upload("a/k", .readBack), &server) { $0 == number ? hasEffect : nil }
            #expect(server.files["a/k"] == [1] || server.files["a/k"] == content)
            _ = try run(upload("a/k", .readBack), &server)
            #expect(server.files == ["a/k": content])
        }
    }

    /// A server that stores a file under another name has not stored it, and replaces nothing by it.
    @Test func namesThatAServerCutsAreNotStored() throws {
        for (existing, key) in [("a", "a?b"), ("x/a&b", "x/a&b;c")] {
            var server = WebDAVServerModel()
            server.cutsNames = true
            server.put(existing, [1])
            let failure = #expect(throws: Failure.self) { try run(upload(ByteText(key)), &server) }
            #expect(failure?.kind == .permanent && failure?.message.contains("another name") == true)
            #expect(server.files == [existing: [1]])
            var honest = WebDAVServerModel()
            honest.put(key, [2])
            _ = try run(upload(ByteText(key)), &honest)
            #expect(honest.files == [key: content])
        }
        var empty = WebDAVServerModel()
        empty.cutsNames = true
        #expect(throws: Failure.self) { try run(upload("a?b"), &empty) }
    }

    /// A rename that libcurl has repeated is refused, since the first one was done: that does not refuse the task.
    @Test func repeatedRenamePasses() throws {
        var server = WebDAVServerModel()
        var dialect = upload("k")
        var step = dialect.begin(DialectStart(now: .earliest))
        for _ in 0..<20 {
            guard case .request(let request) = step else { break }
            if request.method == "MOVE" { _ = try server.handle(request) }
            step = dialect.next(try server.handle(request), now: .earliest)
        }
        guard case .failed(let failure) = step else {
            Issue.record("it was taken for stored")
            return
        }
        #expect(failure.kind == .transient)
        _ = try run(upload("k"), &server)
        #expect(server.files == ["k": content])
    }

    /// An answer whose body breaks still says what its status says.
    @Test func brokenAnswersAreAnswers() throws {
        var server = WebDAVServerModel()
        var dialect = upload("a/k")
        var step = dialect.begin(DialectStart(now: .earliest))
        for _ in 0..<20 {
            guard case .request(let request) = step else { break }
            var report = try server.handle(request)
            if (report.status ?? 0) >= 400 { report.failure = .broken("in the test") }
            step = dialect.next(report, now: .earliest)
        }
        #expect(server.files == ["a/k": content])
    }

    /// A large body is not sent to find out that its folder is missing.
    @Test func folderIsMadeBeforeALargeFile() async throws {
        try await withSourceFile((1 << 20) + 1) { file, _ in
            var server = WebDAVServerModel()
            _ = try run(
                destination().upload(key: "k", body: .file(file), contentType: "", onlyIfAbsent: false), &server)
            #expect(server.requests.map { $0.split(separator: " ")[0] } == ["MKCOL", "PUT", "HEAD", "MOVE"])
        }
    }

    /// Servers answer a HEAD without a login by a body.
    @Test func digestLoginsAskForPropertiesOnly() throws {
        var server = WebDAVServerModel()
        let digest = WebDAVDestination(
            base: HTTPDestination(url: "http://nas/dav"), login: TransferLogin(user: "me", password: "SECRET"))
        _ = try run(digest.upload(key: "k", body: body, contentType: "", onlyIfAbsent: false), &server)
        _ = try run(digest.look(key: "k"), &server)
        #expect(!server.requests.contains { $0.hasPrefix("HEAD") })
        #expect(!"\(digest)".contains("SECRET"))
    }

    @Test func temporaryNamesDifferByContent() {
        let other = TransferBody.bytes(LoadedBytes(bytes: [2], sha256: PartDigest.sha256(of: [2])))
        func name(_ key: ByteText, _ body: TransferBody) -> String {
            var dialect = destination().upload(key: key, body: body, contentType: "", onlyIfAbsent: false)
            guard case .request(let request) = dialect.begin(DialectStart(now: .earliest)) else { return "" }
            return request.url
        }
        #expect(name("a", body) == name("a", body))
        #expect(Set([name("a", body), name("b", body), name("a", other)]).count == 3)
    }

    @Test(arguments: [".backhaul-tmp", ".backhaul-tmp/x"]) func reservedKeysAreRefused(_ key: ByteText) {
        var server = WebDAVServerModel()
        #expect(throws: Failure.self) { try run(upload(key), &server) }
        #expect(server.requests.isEmpty)
    }

    /// A sweep removes names of ours that are old, and nothing else, whatever the server lists.
    @Test func sweepTakesOldNamesOfOurs() throws {
        var server = WebDAVServerModel()
        let name = String(repeating: "ab", count: 16)
        for file in [name, "notes.txt", "../\(name)"] { server.put(".backhaul-tmp/\(file)", [1]) }
        server.put("photo.jpg", [1])
        let old = Timestamp(clamping: 784_111_777_000)
        let dialect = try #require(destination().sweep(before: old))
        #expect(try run(dialect, &server) == .swept(0))
        let later = try #require(destination().sweep(before: old + .seconds(1)))
        #expect(try run(later, &server) == .swept(1))
        #expect(server.files["photo.jpg"] == [1] && server.files[".backhaul-tmp/notes.txt"] == [1])
        #expect(server.files[".backhaul-tmp/\(name)"] == nil)
        var empty = WebDAVServerModel()
        #expect(try run(later, &empty) == .swept(0))
    }

    @Test(arguments: [
        "", "<html/>", "<multistatus/>", "<multistatus><response/></multistatus>",
        "<multistatus><response><href>x</href><propstat><prop><getcontentlength>-1</getcontentlength></prop></propstat>"
            + "</response></multistatus>",
        "<multistatus><response><href>/</href><propstat><prop><getcontentlength>18446744073709551616"
            + "</getcontentlength></prop></propstat></response></multistatus>",
    ])
    func hostileListsAreFailures(_ text: String) {
        var dialect = destination().look(key: "k")
        _ = dialect.begin(DialectStart(now: .earliest))
        _ = dialect.next(TransferReport(status: 405), now: .earliest)
        guard case .failed = dialect.next(TransferReport(status: 207, body: Array(text.utf8)), now: .earliest) else {
            Issue.record("\(text) was taken for an answer")
            return
        }
    }
}
