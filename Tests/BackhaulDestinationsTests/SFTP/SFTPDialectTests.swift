import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Foundation
import Testing

@Suite("SFTP dialects")
struct SFTPDialectTests {
    private func destination(_ check: FileCheck = .size) -> SFTPDestination {
        SFTPDestination(host: "nas", path: "/srv", login: SFTPLogin(user: "me", hostKey: "k"), check: check)
    }

    private struct CrashError: Error {}

    /// Runs a dialect; at the request `crash` the worker dies, before or after it has its effect, or in the middle.
    private func run(
        _ dialect: any Dialect, _ server: inout SFTPServerModel, crash: Int? = nil, hasEffect: Bool = true,
        breaksAfter: Int? = nil
    ) throws -> DialectEnd {
        var dialect = dialect
        let digest = SourceDigest()
        var step = dialect.begin(DialectStart(now: .earliest))
        for number in 0..<100 {
            var report = TransferReport()
            switch step {
            case .stored(let object): return .stored(object)
            case .absent: return .absent
            case .failed(let failure): throw failure
            case .digest(let request): report.digest = try digest.read(request) { false }
            case .request(let request):
                let isWrite = if case .write = request.sftp?.action { true } else { false }
                if number == crash || isWrite && breaksAfter != nil {
                    if hasEffect || isWrite { _ = try server.handle(request, breaksAfter: breaksAfter) }
                    throw CrashError()
                }
                report = try server.handle(request)
            default: throw Failure(.malformed, "an unexpected step: \(step)")
            }
            step = dialect.next(report, now: .earliest)
        }
        throw Failure(.malformed, "the dialect does not end")
    }

    private func upload(
        _ key: ByteText, _ file: SourceFile, _ check: FileCheck = .size, onlyIfAbsent: Bool = false
    ) -> any Dialect {
        destination(check).upload(key: key, body: .file(file), contentType: "", onlyIfAbsent: onlyIfAbsent)
    }

    @Test(arguments: [0, 10, (1 << 20) + 1]) func filesArrive(_ size: Int) async throws {
        try await withSourceFile(size) { file, bytes in
            for replaces in [true, false] {
                var server = SFTPServerModel()
                server.renameReplaces = replaces
                for check in FileCheck.allCases {
                    guard case .stored(let object) = try run(upload("a b/c/d", file, check), &server) else { return }
                    #expect(object.sha256 == PartDigest.sha256(of: bytes))
                    #expect(object.verification == (check == .size || size == 0 ? .size : .readBack))
                    #expect(server.files == ["/srv/a b/c/d": bytes])
                }
                #expect(server.commands.contains { $0.hasPrefix("mtime ") && $0.contains("-GMT ") })
            }
        }
    }

    /// The folder of the destination is never made: it may be the mount point of a disk that is not there.
    @Test func missingFolderIsSaid() async throws {
        try await withSourceFile(10) { file, _ in
            var server = SFTPServerModel()
            server.loseFolder()
            let failure = #expect(throws: Failure.self) { try run(upload("k", file), &server) }
            #expect(failure?.kind == .transient && failure?.message.contains("/srv is not there") == true)
            #expect(server.files.isEmpty && server.folders.isEmpty)
        }
    }

    /// Another attempt sends what is missing, and no more.
    @Test func resumesBehindWhatIsThere() async throws {
        let size = 3 << 20
        try await withSourceFile(size) { file, bytes in
            for cut in [1, 1 << 20, size - 1] {
                var server = SFTPServerModel()
                server.put(".backhaul-tmp/x", [])
                #expect(throws: CrashError.self) { try run(upload("k", file), &server, breaksAfter: cut) }
                guard case .stored(let object) = try run(upload("k", file, .readBack), &server) else { return }
                #expect(object.sha256 == PartDigest.sha256(of: bytes))
                #expect(server.files["/srv/k"] == bytes)
                #expect(server.received == size)
            }
        }
    }

    /// A server that cannot append gets the file from its beginning, one attempt later.
    @Test func serversThatDoNotAppendGetAllAgain() async throws {
        try await withSourceFile(2 << 20) { file, bytes in
            var server = SFTPServerModel()
            server.appends = false
            server.put(".backhaul-tmp/x", [])
            #expect(throws: CrashError.self) { try run(upload("k", file), &server, breaksAfter: 1 << 20) }
            let failure = #expect(throws: Failure.self) { try run(upload("k", file), &server) }
            #expect(failure?.kind == .transient)
            _ = try run(upload("k", file), &server)
            #expect(server.files["/srv/k"] == bytes)
        }
    }

    /// A temporary file that is longer than the source, or whose end is wrong, is not used twice.
    @Test func brokenTemporaryFilesAreReplaced() async throws {
        let size = 2 << 20
        try await withSourceFile(size) { file, bytes in
            var server = SFTPServerModel()
            server.put(".backhaul-tmp/x", [])
            #expect(throws: CrashError.self) { try run(upload("k", file), &server, breaksAfter: 5) }
            let name = try #require(server.files.keys.first { !$0.hasSuffix("/x") })
            server.put(String(name.dropFirst("/srv/".count)), [UInt8](repeating: 9, count: size + 1))
            _ = try run(upload("k", file), &server)
            #expect(server.files["/srv/k"] == bytes)
            server.put(String(name.dropFirst("/srv/".count)), [9])
            let failure = #expect(throws: Failure.self) { try run(upload("k", file, .readBack), &server) }
            #expect(failure?.kind == .integrity)
            #expect(server.files["/srv/k"] == bytes)
            _ = try run(upload("k", file, .readBack), &server)
            #expect(server.files["/srv/k"] == bytes)
        }
    }

    @Test(arguments: [true, false]) func existingObjectsAreKeptWhereTheyMustBe(_ replaces: Bool) async throws {
        try await withSourceFile(10) { file, bytes in
            var server = SFTPServerModel()
            server.renameReplaces = replaces
            server.put("k", [1])
            let failure = #expect(throws: Failure.self) { try run(upload("k", file, onlyIfAbsent: true), &server) }
            #expect(failure?.kind == .keyTaken && server.files["/srv/k"] == [1])
            _ = try run(upload("k", file), &server)
            #expect(server.files["/srv/k"] == bytes)
            #expect(!server.files.keys.contains { $0.hasSuffix(".old") })
        }
    }

    /// Wherever the worker dies, before or after a request has its effect: the name has the old object, the new one, or,
    /// in the middle of a replacement, none, with the old one beside it; and the next attempt ends well.
    @Test(arguments: [true, false]) func crashesLoseNothing(_ hasEffect: Bool) async throws {
        try await withSourceFile((1 << 20) + 5) { file, bytes in
            for crash in 0..<10 {
                var server = SFTPServerModel()
                server.put("a/k", [1])
                _ = try? run(upload("a/k", file), &server, crash: crash, hasEffect: hasEffect)
                let now = server.files["/srv/a/k"]
                #expect(now == [1] || now == bytes)
                _ = try run(upload("a/k", file), &server)
                #expect(server.files == ["/srv/a/k": bytes], "crash \(crash)")
            }
        }
    }

    @Test func objectsAreLookedAtReadAndRemoved() throws {
        var server = SFTPServerModel()
        server.put("k", [1, 2])
        guard case .stored(let seen) = try run(destination().look(key: "k"), &server) else { return }
        #expect(seen.size == ByteCount(2))
        server.put("empty", [])
        guard case .stored(let empty) = try run(destination().look(key: "empty"), &server) else { return }
        #expect(empty.size == .zero)
        guard case .stored(let nothing) = try run(destination().readBack(key: "empty"), &server) else { return }
        #expect(nothing.sha256 == PartDigest.sha256(of: []))
        guard case .stored(let read) = try run(destination().readBack(key: "k"), &server) else { return }
        #expect(read.sha256 == PartDigest.sha256(of: [1, 2]))
        #expect(try run(destination().remove(key: "k"), &server) == .absent)
        #expect(try run(destination().remove(key: "k"), &server) == .absent)
        #expect(try run(destination().look(key: "k"), &server) == .absent)
        #expect(try run(destination().readBack(key: "k"), &server) == .absent)
    }

    @Test func pathsAreQuotedForCommands() {
        #expect(SFTPRequest.quoted(#"/a "b" \c"#) == #""/a \"b\" \\c""#)
    }

    @Test(arguments: [
        ([:], "give hostKey or knownHostsFile"), (["hostKey": "SHA256:short"], "hostKey must be SHA256:"),
        (["path": "relative"], "path must be absolute"), (["host": "a/b"], "host must be"),
        (["port": "0"], "port must be a number"),
        (["hostKey": "SHA256:LxpzqoqNLm9Zq5UeFziBqlpP9jNWRCiNFgMknIPGjnc"], "give keyFile, passwordFile or agent"),
    ])
    func mistakesAreNamed(_ texts: [String: String], _ message: String) {
        let all = texts.merging(["host": "nas", "path": "/srv", "username": "me"]) { old, _ in old }
        let error = #expect(throws: DestinationFields.InvalidError.self) {
            try SFTPDestination(DestinationFields(all, of: SFTPDestination.self))
        }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func settingsAreRead() throws {
        let found = try SFTPDestination(
            DestinationFields(
                [
                    "host": "nas", "path": "/srv/photos//", "username": "me", "agent": "yes", "verify": "read-back",
                    "hostKey": "SHA256:LxpzqoqNLm9Zq5UeFziBqlpP9jNWRCiNFgMknIPGjnc",
                ], of: SFTPDestination.self))
        #expect(found.path == "/srv/photos" && found.check == .readBack && found.port == 22)
        #expect(found.login.hostKey == "LxpzqoqNLm9Zq5UeFziBqlpP9jNWRCiNFgMknIPGjnc")
        #expect(found.description == "sftp me@nas:22/srv/photos verify=read-back")
    }
}
