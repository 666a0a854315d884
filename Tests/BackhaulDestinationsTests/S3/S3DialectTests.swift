import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Foundation
import Testing

@Suite("S3 dialects")
struct S3DialectTests {
    /// Small, so that the tests are quick; stores ask for 5 MiB.
    private static let partSize = 1_000

    private func destination(
        parallel: Int = 3, checksum: S3Checksum = .sha256, check: HTTPDestination.Check = .head
    ) -> S3Destination {
        S3Destination(
            endpoint: S3Endpoint(url: "http://store:9000", bucket: "b", addressing: .path), bucket: "b",
            credentials: S3Credentials(accessKey: "AK", secretKey: Secret("SECRET")),
            partSize: ByteCount(clamping: Self.partSize), parallelParts: parallel, checksum: checksum, check: check)
    }

    /// The worker dies; the store has done what it was asked for.
    private struct CrashError: Error {}

    /// How one step fails.
    private enum Fault: CaseIterable {
        case connectionBreaks, answerLost, slowDown, errorIn200, nonsense, partMissing, crash
    }

    /// One attempt: the steps that may run together end in any order, and fail as `fault` says.
    private func attempt(
        _ dialect: any Dialect, _ store: inout S3StoreModel, state: inout [UInt8], numbers: inout SeededNumbers,
        fault: (inout SeededNumbers) -> Fault?
    ) throws -> StoredObject? {
        var dialect = dialect
        let digest = SourceDigest()
        var waiting: [Step] = []
        var step = dialect.begin(DialectStart(now: .earliest, state: state.isEmpty ? nil : state))
        for _ in 0..<10_000 {
            switch step {
            case .stored(let object): return object
            case .failed(let failure): throw failure
            case .absent, .swept: return nil
            case .together(let steps): waiting += steps
            case .request, .digest, .save, .place: waiting.append(step)
            }
            guard !waiting.isEmpty else { break }
            let next = waiting.remove(at: Int.random(in: 0..<waiting.count, using: &numbers))
            var report = TransferReport()
            switch next {
            case .digest(let request):
                report.digest = try digest.read(request) { false }
                report.tag = request.tag
            case .save(let bytes): state = bytes
            case .request(let request):
                report = try carryOut(request, &store, fault(&numbers))
                report.tag = request.tag
            default: break
            }
            step = dialect.next(report, now: .earliest)
        }
        throw Failure(.malformed, "the dialect does not end")
    }

    private func carryOut(
        _ request: TransferRequest, _ store: inout S3StoreModel, _ fault: Fault?
    ) throws -> TransferReport {
        switch fault {
        case nil: return try store.handle(request)
        case .connectionBreaks: return TransferReport(failure: .broken("in the test"))
        case .answerLost:
            _ = try store.handle(request)
            return TransferReport(failure: .broken("in the test"), bytesSent: request.body.size)
        case .crash:
            _ = try store.handle(request)
            throw CrashError()
        case .slowDown: return store.error(503, "SlowDown")
        case .errorIn200:
            var report = store.error(200, "InternalError")
            report.bytesSent = request.body.size
            return report
        case .nonsense:
            return TransferReport(status: 200, body: Array("<html>".utf8), bytesSent: request.body.size)
        case .partMissing: return store.error(404, "NoSuchUpload")
        }
    }

    @Test func partsArriveAndAreProven() async throws {
        for size in [Self.partSize + 1, 2 * Self.partSize, 3 * Self.partSize - 1] {
            try await withSourceFile(size) { file, bytes in
                for checksum in S3Checksum.allCases {
                    var store = S3StoreModel()
                    store.checksum = checksum
                    var state: [UInt8] = []
                    var numbers = SeededNumbers(seed: 1)
                    let object = try attempt(
                        destination(checksum: checksum).upload(
                            key: "a b", body: .file(file), contentType: "", onlyIfAbsent: false),
                        &store, state: &state, numbers: &numbers
                    ) { _ in nil }
                    #expect(object?.sha256 == PartDigest.sha256(of: bytes))
                    #expect(object?.verification == (checksum == .none ? .length : .checksum))
                    #expect(store.objects["a b"]?.bytes == bytes)
                    #expect(store.uploads.isEmpty)
                    let parts = (size + Self.partSize - 1) / Self.partSize
                    #expect(store.requests.count { $0 == "PUT partNumber,uploadId" } == parts)
                }
            }
        }
    }

    @Test func partSizesAreOneRequest() async throws {
        for size in [0, 1, 999, Self.partSize] {
            try await withSourceFile(size) { file, bytes in
                var store = S3StoreModel()
                var state: [UInt8] = []
                var numbers = SeededNumbers(seed: 1)
                let object = try attempt(
                    destination(check: .answer).upload(
                        key: "k", body: .file(file), contentType: "image/jpeg", onlyIfAbsent: true),
                    &store, state: &state, numbers: &numbers
                ) { _ in nil }
                #expect(object?.sha256 == PartDigest.sha256(of: bytes) && object?.verification == .checksum)
                #expect(store.requests == ["PUT "] && state.isEmpty)
                #expect(throws: Failure.self) {
                    try attempt(
                        destination().upload(key: "k", body: .file(file), contentType: "", onlyIfAbsent: true),
                        &store, state: &state, numbers: &numbers
                    ) { _ in nil }
                }
            }
        }
    }

    /// Whatever breaks, and whichever order things end in: some attempt succeeds, the object is the file, and never
    /// something else before; a part that the store has proven is not sent again.
    @Test(arguments: S3Checksum.allCases) func everyFaultEndsWell(_ checksum: S3Checksum) async throws {
        try await withSourceFile(4 * Self.partSize + 77) { file, bytes in
            for seed in 0..<60 {
                var numbers = SeededNumbers(seed: UInt64(seed))
                var store = S3StoreModel()
                store.checksum = checksum
                store.put("k", [1, 2, 3])
                var state: [UInt8] = []
                var stored: StoredObject?
                for round in 0..<40 where stored == nil {
                    do {
                        stored = try attempt(
                            destination(parallel: 1 + seed % 4, checksum: checksum).upload(
                                key: "k", body: .file(file), contentType: "", onlyIfAbsent: false),
                            &store, state: &state, numbers: &numbers
                        ) { numbers in
                            guard round < 8, Int.random(in: 0..<4, using: &numbers) == 0 else { return nil }
                            return Fault.allCases.randomElement(using: &numbers)
                        }
                    } catch is CrashError {
                        continue
                    } catch let failure as Failure {
                        #expect([.transient, .integrity].contains(failure.kind), "seed \(seed): \(failure)")
                    }
                    let now = store.objects["k"]?.bytes
                    #expect(now == [1, 2, 3] || now == bytes, "seed \(seed): something else is at the key")
                }
                #expect(stored?.sha256 == PartDigest.sha256(of: bytes), "seed \(seed)")
                #expect(store.objects["k"]?.bytes == bytes, "seed \(seed)")
            }
        }
    }

    /// A crash at any step: the next attempt sends no part again that the store has, and at most those in flight.
    @Test(arguments: [true, false], S3Checksum.allCases)
    func resumesAfterACrashAnywhere(_ statesChecksums: Bool, _ checksum: S3Checksum) async throws {
        let size = 4 * Self.partSize + 77
        try await withSourceFile(size) { file, bytes in
            let parallel = 2
            for crash in 1..<14 {
                var numbers = SeededNumbers(seed: UInt64(crash))
                var store = S3StoreModel()
                store.checksum = statesChecksums ? checksum : .none
                var state: [UInt8] = []
                var count = 0
                func upload() -> any Dialect {
                    destination(parallel: parallel, checksum: checksum).upload(
                        key: "k", body: .file(file), contentType: "", onlyIfAbsent: false)
                }
                var stored = try? attempt(upload(), &store, state: &state, numbers: &numbers) { _ in
                    count += 1
                    return count >= crash ? .crash : nil
                }
                if stored == nil {
                    stored = try attempt(upload(), &store, state: &state, numbers: &numbers) { _ in nil }
                }
                #expect(stored?.sha256 == PartDigest.sha256(of: bytes))
                #expect(store.objects["k"]?.bytes == bytes)
                #expect(store.uploads.isEmpty || crash == 1, "crash \(crash)")
                #expect(store.received - store.receivedXML <= size, "crash \(crash) sent \(store.received)")
            }
        }
    }

    /// An upload of another object, of another place or of nonsense is not continued.
    @Test func statesOfOthersAreNotUsed() async throws {
        try await withSourceFile(Self.partSize + 1) { file, bytes in
            let here = destination()
            let good = S3UploadState(
                place: here.endpoint.description, key: "k", upload: "u1",
                partSize: ByteCount(clamping: Self.partSize), checksum: .sha256)
            var elsewhere = good
            elsewhere.place = "http://other/b/"
            var other = good
            other.key = "l"
            var tiny = good
            tiny.partSize = 0
            var huge = good
            huge.partSize = .max
            let states = [elsewhere, other, tiny, huge].map(\.bytes) + [[], [0xff], Array("{\"upload\":1}".utf8)]
            for bad in states {
                var store = S3StoreModel()
                var state = bad
                var numbers = SeededNumbers(seed: 3)
                _ = try attempt(
                    here.upload(key: "k", body: .file(file), contentType: "", onlyIfAbsent: false),
                    &store, state: &state, numbers: &numbers
                ) { _ in nil }
                let first = store.requests.first { $0.hasPrefix("POST") }
                #expect(first == "POST uploads" && !store.requests.contains { $0.hasPrefix("GET") })
                #expect(store.objects["k"]?.bytes == bytes)
            }
        }
    }

    /// No file has more than 10,000 parts, and none of a part is larger than it has to be.
    @Test func partsGrowWithTheFile() {
        let destination = destination()
        for (size, part) in [
            (ByteCount(1), 1_000), (ByteCount(10_000_000), 1_000), (ByteCount(10_000_001), 1 << 20),
            (ByteCount(5 << 40), 525 << 20),
        ] {
            #expect(destination.partSize(of: size) == ByteCount(clamping: part))
            let part = destination.partSize(of: size).bytes
            #expect(size.bytes / part + (size.bytes % part == 0 ? 0 : 1) <= 10_000)
        }
    }

    /// A part that fails in passing is sent again in the same attempt; a store that is overloaded is left in peace.
    @Test func partsAreTriedAgain() async throws {
        try await withSourceFile(3 * Self.partSize) { file, bytes in
            var store = S3StoreModel()
            var state: [UInt8] = []
            var numbers = SeededNumbers(seed: 2)
            var failures = 0
            var requests = 0
            func upload() -> any Dialect {
                destination(parallel: 1, check: .answer).upload(
                    key: "k", body: .file(file), contentType: "", onlyIfAbsent: false)
            }
            let object = try attempt(upload(), &store, state: &state, numbers: &numbers) { _ in
                requests += 1
                guard requests > 2, failures < 3 else { return nil }
                failures += 1
                return .connectionBreaks
            }
            #expect(object?.sha256 == PartDigest.sha256(of: bytes) && failures == 3)
            store = S3StoreModel()
            state = []
            var count = 0
            let failure = #expect(throws: Failure.self) {
                try attempt(upload(), &store, state: &state, numbers: &numbers) { _ in
                    count += 1
                    return count > 1 ? .slowDown : nil
                }
            }
            #expect(failure?.message.contains("SlowDown") == true && count == 2)
        }
    }

    /// A sweep ends what began before a time below the prefix, page by page, and touches nothing else.
    @Test func sweepEndsOldUploads() throws {
        var here = destination()
        here.prefix = "ours/"
        var store = S3StoreModel()
        store.put("ours/object", [1])
        for key in ["ours/a", "ours/b", "ours/b", "theirs/c"] {
            _ = try store.handle(TransferRequest(method: "POST", url: "http://store:9000/b/\(key)?uploads="))
        }
        var none: [UInt8] = []
        var numbers = SeededNumbers(seed: 3)
        func sweep(_ time: String) throws {
            let before = try #require(TimeText.parse(time)?.timestamp)
            let dialect = try #require(here.sweep(before: before))
            _ = try attempt(dialect, &store, state: &none, numbers: &numbers) { _ in nil }
        }
        try sweep("2025-12-31T00:00:00Z")
        #expect(store.uploads.count == 4)
        try sweep("2026-01-02T00:00:00Z")
        #expect(store.uploads.values.map(\.key) == ["theirs/c"])
        #expect(store.objects["ours/object"]?.bytes == [1])
    }

    /// What will not be resumed is ended, also where it is gone already; of another place it is left alone.
    @Test func discardEndsTheUpload() throws {
        let here = destination()
        var store = S3StoreModel()
        _ = try store.handle(TransferRequest(method: "POST", url: "http://store:9000/b/k?uploads="))
        let state = S3UploadState(
            place: here.endpoint.description, key: "k", upload: "u1", partSize: ByteCount(clamping: Self.partSize),
            checksum: .sha256)
        var none: [UInt8] = []
        var numbers = SeededNumbers(seed: 3)
        for _ in 0..<2 {
            let dialect = try #require(here.discard(key: "k", state: state.bytes))
            #expect(try attempt(dialect, &store, state: &none, numbers: &numbers) { _ in nil } == nil)
            #expect(store.uploads.isEmpty)
        }
        #expect(here.discard(key: "k", state: [1]) == nil)
        var elsewhere = state
        elsewhere.place = "http://other/b/"
        let count = store.requests.count
        let dialect = try #require(here.discard(key: "k", state: elsewhere.bytes))
        #expect(try attempt(dialect, &store, state: &none, numbers: &numbers) { _ in nil } == nil)
        #expect(store.requests.count == count)
    }

    @Test(arguments: [
        (403, "AccessDenied", FailureClass.refused), (403, "SignatureDoesNotMatch", .refused),
        (400, "ExpiredToken", .refused), (403, "RequestTimeTooSkewed", .transient), (503, "SlowDown", .transient),
        (400, "RequestTimeout", .transient), (404, "NoSuchBucket", .permanent), (400, "KeyTooLongError", .permanent),
        (301, "PermanentRedirect", .permanent), (500, "SomethingNew", .transient), (400, "SomethingNew", .permanent),
        (200, "InternalError", .transient), (507, "XMinioStorageFull", .transient),
    ])
    func codesSayMoreThanStatuses(_ status: Int, _ code: String, _ kind: FailureClass) {
        let failure = S3Answer.failure(S3StoreModel().error(status, code), doing: "upload")
        #expect(failure?.kind == kind)
        #expect(failure?.message.contains(code) == true && failure?.message.contains("of the model") == true)
    }
}
