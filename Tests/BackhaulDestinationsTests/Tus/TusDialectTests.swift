import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Foundation
import Testing

@Suite("tus dialects")
struct TusDialectTests {
    private static let large = 2_100_003

    private func destination(
        partSize: Int? = nil, check: FileCheck = .size, origin: String? = nil, url: String = "http://tus/files/"
    ) -> TusDestination {
        TusDestination(
            base: HTTPDestination(url: url), uploadOrigin: origin, partSize: partSize.map(ByteCount.init(clamping:)),
            check: check)
    }

    /// How a step breaks.
    private enum Fault: CaseIterable {
        /// Nothing of it arrives.
        case before
        /// A part of the body arrives, and the server keeps it.
        case half
        /// It is done; nobody hears of it.
        case after
        /// The worker dies once it is done.
        case crash
        case unavailable
    }

    private struct Crash: Error {}

    /// What lives longer than an attempt.
    private struct World {
        var server = TusServerModel()
        var saved: [UInt8]?
        var steps = 0
    }

    private func run(
        _ dialect: any Dialect, _ world: inout World, fault: (Int) -> Fault? = { _ in nil }
    ) throws -> DialectEnd {
        var dialect = dialect
        let digest = SourceDigest()
        var step = dialect.begin(DialectStart(now: .earliest, state: world.saved))
        for _ in 0..<200 {
            var report = TransferReport()
            switch step {
            case .stored(let object): return .stored(object)
            case .absent: return .absent
            case .swept(let count): return .swept(count)
            case .failed(let failure): throw failure
            case .save(let state): world.saved = state
            case .digest(let request): report.digest = try digest.read(request) { false }
            case .request(let request):
                world.steps += 1
                var broken = TransferReport(failure: .broken("in the test"))
                switch fault(world.steps - 1) {
                case nil: report = try world.server.handle(request)
                case .before?: report = broken
                case .half?:
                    let half = request.body.size.count / 2
                    if request.body.size > .zero { _ = try world.server.handle(request, kept: half) }
                    broken.bytesSent = ByteCount(clamping: half)
                    report = broken
                case .after?:
                    _ = try world.server.handle(request)
                    broken.bytesSent = request.body.size
                    report = broken
                case .crash?:
                    _ = try world.server.handle(request)
                    throw Crash()
                case .unavailable?: report = TransferReport(status: 503)
                }
            default: throw Failure(.malformed, "an unexpected step: \(step)")
            }
            step = dialect.next(report, now: .earliest)
        }
        throw Failure(.malformed, "the dialect does not end")
    }

    private func upload(_ body: TransferBody, _ destination: TusDestination, key: ByteText = "a b/é.jpg") -> any Dialect
    {
        destination.upload(key: key, body: body, contentType: "image/jpeg", onlyIfAbsent: false)
    }

    private func bytes(_ count: Int) -> (TransferBody, [UInt8]) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        return (.bytes(LoadedBytes(bytes: bytes, sha256: PartDigest.sha256(of: bytes), attributes: nil)), bytes)
    }

    /// A small file is one request where the server takes it with the creation; else two or three.
    @Test(arguments: [true, false], [0, 400, 415]) func smallFilesGoWithTheirCreation(
        _ takesBodies: Bool, _ refusal: Int
    )
        throws
    {
        for count in [0, 1, 1_000] {
            var world = World()
            world.server.takesBodies = takesBodies
            world.server.refusal = refusal
            let (body, content) = bytes(count)
            var object = StoredObject(
                size: ByteCount(clamping: count), sha256: PartDigest.sha256(of: content), verification: .size)
            object.keptName = "1"
            #expect(try run(upload(body, destination()), &world) == .stored(object))
            #expect(world.server.files == [content])
            let expected = count == 0 || takesBodies ? 1 : 3
            #expect(world.server.requests.count == expected, "\(world.server.requests)")
            let metadata = try #require(world.server.uploads["1"]?.metadata)
            #expect(metadata.contains("filename \(Data("é.jpg".utf8).base64EncodedString())"))
            #expect(metadata.contains("path \(Data("a b/é.jpg".utf8).base64EncodedString())"))
        }
    }

    /// Whichever request breaks in whichever way, and then another: the attempts that follow end with the whole file,
    /// and send again no more than what was on the way when one broke.
    @Test(.timeLimit(.minutes(5)), arguments: [nil, 800_000], ["", "sha1,sha256"])
    func brokenRequestsAreGoneOnFrom(_ partSize: Int?, _ checksums: String) async throws {
        try await withSourceFile(Self.large) { file, content in
            for first in 0..<5 {
                for fault in Fault.allCases {
                    for second in [first + 1, first + 2, .max] {
                        var world = World()
                        world.server.checksums = checksums
                        let destination = destination(partSize: partSize)
                        var end: DialectEnd?
                        for _ in 0..<4 where end == nil {
                            end = try? run(upload(.file(file), destination), &world) { number in
                                number == first || number == second ? fault : nil
                            }
                        }
                        let what = "\(fault) at \(first) and \(second), \(world.server.requests)"
                        guard case .stored(let object)? = end else {
                            Issue.record("not stored: \(what)")
                            continue
                        }
                        #expect(object.sha256 == PartDigest.sha256(of: content), "\(what)")
                        #expect(world.server.files == [content], "\(what)")
                        #expect(world.server.received == content.count, "\(what)")
                    }
                }
            }
        }
    }

    /// An upload that the server has forgotten begins again; one of another file or server is left alone.
    @Test func whatIsGoneBeginsAgain() async throws {
        try await withSourceFile(Self.large) { file, content in
            var world = World()
            _ = try? run(upload(.file(file), destination()), &world) { $0 == 2 ? .half : $0 == 3 ? .crash : nil }
            world.server.forget()
            _ = try run(upload(.file(file), destination()), &world)
            #expect(world.server.files == [content])
            let own = try #require(world.saved.flatMap { OffsetUploadState($0) })
            var states = [OffsetUploadState](repeating: own, count: 4)
            states[0].upload = "http://evil/files/1"
            states[1].place = "http://other/files/"
            states[2].upload = "http://tus/files/none"
            states[3].object = "0"
            for state in states {
                world.saved = state.bytes
                let before = world.server.requests.count
                _ = try run(upload(.file(file), destination()), &world)
                #expect(world.server.requests[before...].contains("POST"))
                #expect(world.server.files.allSatisfy { $0 == content })
            }
        }
    }

    /// The server checks each part, and the result says so only where all of them were checked.
    @Test func sumsAreSentWhereTheServerChecksThem() async throws {
        try await withSourceFile(Self.large) { file, _ in
            var world = World()
            world.server.checksums = "md5, sha256"
            let destination = destination(partSize: 800_000)
            guard case .stored(let object) = try run(upload(.file(file), destination), &world) else { return }
            #expect(object.verification == .tusChecksum)
            world = World()
            world.server.checksums = "sha256"
            world.server.flips = true
            let failure = #expect(throws: Failure.self) { try run(upload(.file(file), destination), &world) }
            #expect(failure?.kind == .integrity && world.server.files.isEmpty)
            world = World()
            world.server.flips = true
            let checked = self.destination(check: .readBack)
            #expect(throws: Failure.self) { try run(upload(.file(file), checked), &world) }
        }
    }

    /// Credentials go to the configured origins only, whatever a server says.
    @Test(arguments: [
        ("/files/", true), ("", true), ("http://tus:80/files/", true), ("http://tus/elsewhere/", true),
        ("https://tus/files/", false), ("http://tus:81/files/", false), ("//evil/files/", false),
        ("http://tus@evil/files/", false), ("http://user@tus/files/", false), ("ftp://tus/", false),
        ("http://upload.example/", false),
    ]) func uploadsStayAtTheOrigin(_ location: String, _ isTaken: Bool) throws {
        var world = World()
        world.server.location = location
        world.server.takesBodies = false
        let (body, content) = bytes(10)
        if isTaken {
            _ = try run(upload(body, destination()), &world)
            #expect(world.server.files == [content])
        } else {
            #expect(throws: Failure.self) { try run(upload(body, destination()), &world) }
            #expect(world.server.requests == ["POST"])
        }
        if location == "http://upload.example/" {
            _ = try run(upload(body, destination(origin: "http://upload.example")), &world)
            #expect(world.server.files == [content])
        }
    }

    /// An upload that another attempt has written to is given up at once, and never taken for whole by the next one.
    @Test func uploadsWithOtherBytesAreGivenUp() async throws {
        try await withSourceFile(Self.large) { file, content in
            for check in [FileCheck.size, .readBack] {
                var world = World()
                // Another attempt's first part arrives after this one's.
                world.server.doubles = true
                let destination = destination(partSize: 800_000, check: check)
                let failure = #expect(throws: Failure.self) { try run(upload(.file(file), destination), &world) }
                #expect(failure?.kind == .integrity && world.server.uploads.isEmpty && world.saved == [])
                world.server.doubles = false
                _ = try run(upload(.file(file), destination), &world)
                #expect(world.server.files == [content])
            }
            var world = World()
            world.server.flips = true
            let destination = destination(check: .readBack)
            #expect(throws: Failure.self) { try run(upload(.file(file), destination), &world) }
            world.server.flips = false
            _ = try run(upload(.file(file), destination), &world)
            #expect(world.server.files == [content])
        }
    }

    /// An upload that vanishes in the middle begins again in the same attempt, and the file is still hashed once.
    @Test(arguments: ["", "sha256"]) func uploadsThatVanishBeginAgain(_ checksums: String) async throws {
        try await withSourceFile(Self.large) { file, content in
            for missing in [404, 410] {
                var world = World()
                world.server.checksums = checksums
                world.server.vanishes = (after: 1, missing)
                _ = try run(upload(.file(file), destination(partSize: 800_000)), &world)
                #expect(world.server.files == [content] && world.server.uploads.count == 1)
            }
            // tus allows a server to say it so.
            var world = World()
            _ = try? run(upload(.file(file), destination()), &world) { $0 == 2 ? .crash : nil }
            world.server.forget()
            world.server.missing = 403
            _ = try run(upload(.file(file), destination()), &world)
            #expect(world.server.files == [content])
        }
    }

    /// Servers that answer before they have read a body, or take a little of each request.
    @Test func serversThatTakeLittleGetLittle() async throws {
        var world = World()
        world.server.readsBodies = false
        let (body, content) = bytes(1_000)
        _ = try run(upload(body, destination()), &world)
        #expect(world.server.files == [content])
        try await withSourceFile(Self.large) { file, content in
            var world = World()
            world.server.most = 500_000
            _ = try run(upload(.file(file), destination()), &world)
            #expect(world.server.files == [content] && world.server.received == content.count)
            world = World()
            world.server.most = 1
            let failure = #expect(throws: Failure.self) { try run(upload(.file(file), destination()), &world) }
            #expect(failure?.kind == .transient && world.server.requests.count < 60)
        }
    }

    @Test(
        arguments: [
            ("/files/a+b=c:d@e!f", "a+b=c:d@e!f"), ("http://tus:80/files/x", "x"), ("HTTP://TUS/files/x", "x"),
            ("/files/%C3%A9%20y", "é y"), ("/files/a%2Fb", nil), ("/files/x?token=1", nil), ("/other/x", nil),
            ("/files/", nil), ("/files/a/../b", "b"),
        ] as [(String, String?)]) func resultsHaveTheServersNames(_ location: String, _ name: String?) throws
    {
        var world = World()
        world.server.locations = location
        let (body, _) = bytes(10)
        guard case .stored(let object) = try run(upload(body, destination()), &world) else { return }
        #expect(object.keptName == name.map { ByteText($0) })
    }

    @Test func tooLargeFilesAreRefusedBeforeTheyAreSent() async throws {
        try await withSourceFile(Self.large) { file, _ in
            var world = World()
            world.server.largest = 1_000_000
            let failure = #expect(throws: Failure.self) { try run(upload(.file(file), destination()), &world) }
            #expect(failure?.kind == .permanent && world.server.received == 0)
        }
    }

    @Test func uploadsAreFoundAndRemovedByTheirNames() async throws {
        var world = World()
        let (body, content) = bytes(10)
        guard case .stored(let object) = try run(upload(body, destination()), &world) else { return }
        let name = try #require(object.keptName)
        guard case .stored(let found) = try run(destination().look(key: name), &world) else { return }
        #expect(found.size == object.size)
        guard case .stored(let read) = try run(destination().readBack(key: name), &world) else { return }
        #expect(read.sha256 == PartDigest.sha256(of: content))
        #expect(try run(destination().remove(key: name), &world) == .absent)
        #expect(try run(destination().remove(key: name), &world) == .absent)
        // It may have been moved: to find none does not prove a loss.
        #expect(throws: Failure.self) { try run(destination().look(key: name), &world) }
        // What was left by an upload that is given up.
        try await withSourceFile(Self.large) { file, _ in
            let crash = world.steps + 2
            _ = try? run(upload(.file(file), destination()), &world) { $0 == crash ? .crash : nil }
            let state = try #require(world.saved)
            #expect(!world.server.uploads.isEmpty)
            let dialect = try #require(destination().discard(key: "k", state: state))
            #expect(try run(dialect, &world) == .absent)
            #expect(world.server.uploads.isEmpty)
            #expect(destination(url: "http://other/").discard(key: "k", state: state) == nil)
        }
    }

    /// Whatever a server answers, an upload ends, and asks nobody else.
    @Test func hostileAnswersEndTheAttempt() async throws {
        try await withSourceFile(2_000_000) { file, _ in
            var world = World()
            _ = try run(upload(.file(file), destination()), &world)
            let saved = try #require(world.saved)
            for seed in UInt64(0)..<800 {
                var numbers = SeededNumbers(seed: seed)
                var dialect = upload(.file(file), destination(partSize: seed % 2 == 0 ? nil : 1 << 20))
                let digest = SourceDigest()
                var step = dialect.begin(DialectStart(now: .earliest, state: seed % 3 == 0 ? saved : nil))
                var requests = 0
                loop: while requests < 1_000 {
                    var report = TransferReport()
                    switch step {
                    case .failed, .stored, .absent, .swept: break loop
                    case .digest(let request): report.digest = try digest.read(request) { false }
                    case .request(let request):
                        requests += 1
                        #expect(request.url.hasPrefix("http://tus/"))
                        let statuses = [200, 201, 204, 204, 204, 301, 400, 404, 409, 412, 460, 503]
                        report.status = statuses[Int(numbers.next() % UInt64(statuses.count))]
                        report.bytesSent = request.body.size
                        report.sha256 = "00"
                        let offsets = [
                            "0", "1", "1048576", "2000000", "2000001", "-1", "18446744073709551615",
                            "99999999999999999999",
                            "x", "",
                        ]
                        let locations = [
                            "/files/1", "http://evil/", "", "http://[::1", "\u{0}", "../../x", "http://tus/",
                        ]
                        report.headers = [
                            ("upload-offset", offsets[Int(numbers.next() % UInt64(offsets.count))]),
                            ("upload-length", offsets[Int(numbers.next() % UInt64(offsets.count))]),
                            ("location", locations[Int(numbers.next() % UInt64(locations.count))]),
                            ("tus-checksum-algorithm", "sha256"),
                            ("tus-max-size", offsets[Int(numbers.next() % UInt64(offsets.count))]),
                        ]
                        if numbers.next() % 4 == 0 { report.headers = [] }
                        if numbers.next() % 8 == 0 {
                            report = TransferReport(failure: .broken("in the test"), bytesSent: request.body.size)
                        }
                    default: break
                    }
                    step = dialect.next(report, now: .earliest)
                }
                #expect(requests < 40, "seed \(seed): \(requests) requests")
            }
        }
    }
}
