import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Foundation
import Testing

@Suite("IETF resumable uploads")
struct ResumableDialectTests {
    private static let large = 2_100_003
    private static let path = "/dav/a b/é.jpg"

    private func destination(_ check: HTTPDestination.Check = .answer, interop: Int = 8) -> ResumableDestination {
        ResumableDestination(base: HTTPDestination(url: "http://host/dav/", check: check), interop: interop)
    }

    private enum Fault: CaseIterable {
        case before
        /// A part of the body arrives, and the server keeps it.
        case half
        /// All of it arrives, but for its end.
        case endless
        /// It is done; nobody hears of it.
        case after
        /// The worker dies once it is done.
        case crash
        case unavailable
    }

    private struct Crash: Error {}

    private struct World {
        var server = ResumableServerModel()
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
                report = TransferReport(failure: .broken("in the test"))
                switch fault(world.steps - 1) {
                case nil: report = try world.server.handle(request)
                case .before?: break
                case .half?:
                    let half = request.body.size.count / 2
                    if request.body.size > .zero { _ = try world.server.handle(request, kept: half) }
                    report.bytesSent = ByteCount(clamping: half)
                case .endless?:
                    if request.body.size > .zero { _ = try world.server.handle(request, kept: request.body.size.count) }
                    report.bytesSent = request.body.size
                case .after?:
                    _ = try world.server.handle(request)
                    report.bytesSent = request.body.size
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

    private func upload(_ file: SourceFile, _ destination: ResumableDestination, onlyIfAbsent: Bool = false)
        -> any Dialect
    {
        destination.upload(key: "a b/é.jpg", body: .file(file), contentType: "image/jpeg", onlyIfAbsent: onlyIfAbsent)
    }

    /// Whichever request breaks in whichever way, and then another: the old object or the whole new one is there, and
    /// the attempts that follow end with the new one and send nothing twice.
    @Test(.timeLimit(.minutes(5)), arguments: [true, false])
    func brokenRequestsAreGoneOnFrom(_ saysComplete: Bool) async throws {
        try await withSourceFile(Self.large) { file, content in
            for check in [HTTPDestination.Check.answer, .head] {
                for first in 0..<7 {
                    for fault in Fault.allCases {
                        for second in [first + 1, first + 2, .max] {
                            var world = World()
                            world.server.saysComplete = saysComplete
                            world.server.put(Self.path, [1])
                            var end: DialectEnd?
                            for _ in 0..<4 where end == nil {
                                end = try? run(upload(file, destination(check)), &world) { number in
                                    number == first || number == second ? fault : nil
                                }
                                let there = world.server.files[Self.path]
                                #expect(there == [1] || there == content)
                            }
                            let what = "\(check), \(fault) at \(first) and \(second), \(world.server.requests)"
                            guard case .stored(let object)? = end else {
                                Issue.record("not stored: \(what)")
                                continue
                            }
                            #expect(object.sha256 == PartDigest.sha256(of: content), "\(what)")
                            #expect(world.server.files[Self.path] == content, "\(what)")
                            #expect(world.server.received == content.count, "\(what)")
                            #expect(world.server.largest <= 1_000_000, "\(what)")
                        }
                    }
                }
            }
        }
    }

    /// A server that does not know the draft, or another version, would take the creation for an empty file.
    @Test func serversWithoutTheDraftAreLeftAlone() async throws {
        try await withSourceFile(Self.large) { file, content in
            for (limits, interop) in [(nil, "8"), ("min-size=0", "6")] as [(String?, String)] {
                var world = World()
                world.server.limits = limits
                world.server.interop = interop
                world.server.put(Self.path, [1])
                let failure = #expect(throws: Failure.self) { try run(upload(file, destination()), &world) }
                #expect(failure?.kind == .permanent && world.server.files == [Self.path: [1]])
            }
            var world = World()
            world.server.interop = "6"
            _ = try run(upload(file, destination(interop: 6)), &world)
            #expect(world.server.files[Self.path] == content)
            world = World()
            world.server.limits = "max-size=2100002"
            #expect(throws: Failure.self) { try run(upload(file, destination()), &world) }
            #expect(world.server.received == 0)
        }
    }

    @Test func smallFilesArePlainUploads() async throws {
        try await withSourceFile(1_000) { file, content in
            var world = World()
            world.server.limits = nil
            _ = try run(upload(file, destination(.head)), &world)
            #expect(world.server.files[Self.path] == content)
            #expect(world.server.requests == ["PUT", "HEAD"])
        }
    }

    @Test func existingObjectsAreKeptWhereTheyMustBe() async throws {
        try await withSourceFile(Self.large) { file, _ in
            var world = World()
            world.server.put(Self.path, [1])
            let failure = #expect(throws: Failure.self) {
                try run(upload(file, destination(), onlyIfAbsent: true), &world)
            }
            #expect(failure?.kind == .keyTaken && world.server.files[Self.path] == [1])
        }
    }

    @Test func abandonedUploadsAreCancelled() async throws {
        try await withSourceFile(Self.large) { file, _ in
            var world = World()
            _ = try? run(upload(file, destination()), &world) { $0 == 2 ? .crash : nil }
            let state = try #require(world.saved)
            #expect(!world.server.uploads.isEmpty)
            #expect(destination().discard(key: "other", state: state) == nil)
            var evil = try #require(OffsetUploadState(state))
            evil.upload = "http://evil/up/1"
            #expect(destination().discard(key: "a b/é.jpg", state: evil.bytes) == nil)
            let dialect = try #require(destination().discard(key: "a b/é.jpg", state: state))
            #expect(try run(dialect, &world) == .absent)
            #expect(world.server.uploads.isEmpty)
        }
    }

    /// Whatever a server answers, an upload ends, asks nobody else, and a success is one that the server has named.
    @Test func hostileAnswersEndTheAttempt() async throws {
        try await withSourceFile(Self.large) { file, _ in
            var world = World()
            _ = try run(upload(file, destination()), &world)
            let saved = try #require(world.saved)
            let numbers = [
                "0", "1", "1000000", "\(Self.large)", "\(Self.large + 1)", "-1", "18446744073709551615",
                "99999999999999999999", "x", "",
            ]
            let limits = [
                "min-size=0", "max-append-size=0", "max-append-size=1", "max-size=99999999999999999999", ";;,=,==;=",
                "max-append-size=18446744073709551615", "max-size=-1, max-append-size=\u{0}", "", ",",
            ]
            for seed in UInt64(0)..<800 {
                var dice = SeededNumbers(seed: seed)
                func pick<Value>(_ values: [Value]) -> Value { values[Int(dice.next() % UInt64(values.count))] }
                var dialect = upload(file, destination([.answer, .head, .readBack][Int(seed % 3)]))
                let digest = SourceDigest()
                var step = dialect.begin(DialectStart(now: .earliest, state: seed % 4 == 0 ? saved : nil))
                var requests = 0
                loop: while requests < 1_000 {
                    var report = TransferReport()
                    switch step {
                    case .failed, .stored, .absent, .swept: break loop
                    case .digest(let request): report.digest = try digest.read(request) { false }
                    case .request(let request):
                        requests += 1
                        #expect(request.url.hasPrefix("http://host/"))
                        report.status = pick([200, 201, 204, 204, 204, 301, 400, 404, 409, 412, 503])
                        report.bytesSent = request.body.size
                        report.sha256 = "00"
                        report.headers = [
                            ("upload-offset", pick(numbers)), ("upload-length", pick(numbers)),
                            ("upload-limit", pick(limits)), ("upload-complete", pick(["?0", "?1", "1", ""])),
                            ("content-length", pick(numbers)),
                            ("location", pick(["/up/1", "http://evil/", "", "http://[::1", "\u{0}", "../../x"])),
                        ]
                        if pick([true, false, false, false]) { report.headers = [] }
                        if dice.next() % 8 == 0 {
                            report = TransferReport(failure: .broken("in the test"), bytesSent: request.body.size)
                        }
                    default: break
                    }
                    step = dialect.next(report, now: .earliest)
                }
                #expect(requests < 90, "seed \(seed): \(requests) requests")
            }
        }
    }
}
