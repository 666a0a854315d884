import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulTestKit
import BackhaulUnits
import Foundation
import Testing

@Suite("Record codecs")
struct CodecTests {
    private let task = UploadTask(
        identity: TaskIdentity(tenant: "t1", id: "abc"), batch: "b",
        source: SourceReference(root: "photos", path: "2026/ä.jpg"),
        destination: DestinationReference(target: .named("nas"), key: "2026/ä.jpg"), size: ByteCount(12_345),
        modifiedAt: FileTime(nanoseconds: 1_700_000_000_123_456_789), contentType: "image/jpeg",
        acceptedAt: Timestamp(clamping: 1_700_000_001_000),
        deadline: Timestamp(clamping: 1_700_000_002_000))

    private var outcome: Outcome {
        Outcome(
            kind: .failed, task: TaskGeneration(identity: task.identity, generation: 2), batch: "b",
            destination: task.destination, attempts: 3, crashes: 1, size: ByteCount(12_345),
            sha256: String(repeating: "ab", count: 32),
            failure: Failure(.permanent, "no", httpStatus: 403), worker: "w", acceptedAt: Timestamp(clamping: 1),
            startedAt: Timestamp(clamping: 2),
            finishedAt: Timestamp(clamping: 3),
            nextAttemptAt: Timestamp(clamping: 4), objectMayExist: true)
    }

    @Test func recordsRoundTrip() throws {
        #expect(try TaskCodec.decode(TaskCodec.encode(task)) == task)
        #expect(try OutcomeCodec.decode(OutcomeCodec.encode(outcome)) == outcome)
        var progress = TaskProgress(
            generation: 1, attempts: 2, crashes: 3, due: Timestamp(clamping: 4), isHandedOver: true)
        progress.record(
            AttemptRecord(
                attempt: 1, at: Timestamp(clamping: 5), failure: "transient", message: "m\n", httpStatus: 500,
                worker: "w"))
        let checkpoint = Checkpoint(
            task: TaskGeneration(identity: task.identity, generation: 1), isInFlight: true, progress: progress)
        #expect(try CheckpointCodec.decode(CheckpointCodec.encode(checkpoint)) == checkpoint)
        let record = LogRecord(value: nil, headers: ProgressHeaders.encode(progress))
        #expect(try ProgressHeaders.decode(record) == progress)
        #expect(ProgressHeaders.encode(TaskProgress()).isEmpty)
    }

    /// A message as version 0.1.0 wrote it. It must stay readable as long as any log may hold it.
    @Test func goldenTaskStaysReadable() throws {
        let bytes = try TaskCodec.encode(task)
        #expect(Hex.encode(bytes) == Self.goldenTask)
        let written = try #require(Hex.decode(Self.goldenTask))
        #expect(bytes == written)
        #expect(try TaskCodec.decode(written) == task)
    }

    /// As `goldenTaskStaysReadable`, of what else version 0.1.0 wrote.
    @Test func goldenRecordsStayReadable() throws {
        var outcome = outcome
        outcome.submittedBy = ""
        let bytes = try OutcomeCodec.encode(outcome)
        #expect(Hex.encode(bytes) == Self.goldenOutcome)
        #expect((try? OutcomeCodec.decode(Hex.decode(Self.goldenOutcome))) == outcome)
        let checkpoint = Checkpoint(
            task: outcome.task, isInFlight: true,
            progress: TaskProgress(
                generation: 2, attempts: 1, crashes: 1, due: Timestamp(clamping: 9), isHandedOver: true,
                history: [
                    AttemptRecord(
                        attempt: 1, at: Timestamp(clamping: 5), failure: "transient", message: "m", httpStatus: 500,
                        worker: "w")
                ]))
        #expect(Hex.encode(try CheckpointCodec.encode(checkpoint)) == Self.goldenCheckpoint)
        #expect((try? CheckpointCodec.decode(Hex.decode(Self.goldenCheckpoint))) == checkpoint)
        #expect(Hex.encode(try CancelCodec.encode(outcome.task, at: Timestamp(clamping: 7))) == Self.goldenCancel)
        let result = try ResultDocument.decode(Array(Self.goldenResult.utf8))
        #expect(result.task == outcome.task && result.failure?.httpStatus == 403 && result.replay == nil)
    }

    private static let goldenOutcome =
        "0804120274311a0361626320022a016232120a036e61731a0b323032362fc3a42e6a70673803400148b9605220abababababababab"
        + "abababababababababababababababababababababababab62120a097065726d616e656e7412026e6f1893036a0177700178028001"
        + "03880104900101"
    private static let goldenCheckpoint =
        "0a02743112036162631802200128013001380940014a18080110051a097472616e7369656e7422016d28f403320177"
    private static let goldenCancel = "0a0d0a027431120361626318022007"
    private static let goldenResult =
        #"{"acceptedAt":"1970-01-01T00:00:00.001Z","attempts":3,"batch":"b","bytes":12345,"crashes":1,"#
        + #""destination":"nas","failure":{"httpStatus":403,"kind":"permanent","message":"no"},"#
        + #""finishedAt":"1970-01-01T00:00:00.003Z","generation":2,"key":"2026/ä.jpg","objectMayExist":true,"#
        + #""sha256":null,"startedAt":"1970-01-01T00:00:00.002Z","status":"failed","taskId":"abc","tenant":"t1","#
        + #""verification":null,"worker":"w"}"#

    private static let goldenTask =
        "0a02743112036162631a016222170a150a0670686f746f73120b323032362fc3a42e6a706728b96030959a97ece39fe7cb17"
        + "3a120a036e61731a0b323032362fc3a42e6a7067420a696d6167652f6a70656748e8d795ffbc3150d0df95ffbc31"

    @Test func emptyAndForeignBytesThrow() throws {
        // Empty bytes are a valid message that contains only defaults.
        #expect(throws: RecordError.missing(what: "task", field: "tenant")) { try TaskCodec.decode([]) }
        #expect(throws: RecordError.unreadable(what: "task")) { try TaskCodec.decode(nil) }
        // Times, and a size, that the types cannot hold or the rules refuse.
        let good = try TaskCodec.encode(task)
        #expect(throws: Never.self) { try TaskCodec.decode(good) }
        for (field, number) in [(9, Int64.min), (9, -1), (9, 253_402_300_800_000), (10, -1), (10, .max), (5, -1)]
            as [(UInt64, Int64)]
        {
            #expect(throws: RecordError.self) { try TaskCodec.decode(good + ProtobufNumber.field(field, number)) }
        }
        #expect(throws: RecordError.self) { try TaskCodec.decode(Array("{\"tenant\":1}".utf8)) }
        #expect(throws: RecordError.self) { try OutcomeCodec.decode([]) }
        #expect(throws: RecordError.self) { try CheckpointCodec.decode([]) }
        #expect(throws: RecordError.self) { try ResultDocument.decode([]) }
        #expect(throws: RecordError.self) { try ResultDocument.decode(Array("{}".utf8)) }
    }

    @Test func mutatedBytesNeverTrap() throws {
        let good = try TaskCodec.encode(task)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            _ = try? TaskCodec.decode(bytes)
            _ = try? OutcomeCodec.decode(bytes)
            _ = try? TaskCodec.decode(Array(good.prefix(Int.random(in: 0..<good.count, using: &generator))))
        }
    }

    private func progress(_ header: String, _ text: String) throws -> TaskProgress {
        try ProgressHeaders.decode(LogRecord(value: nil, headers: [LogHeader(header, text: text)]))
    }

    @Test func decodedTaskIsValidated() throws {
        var escaping = task
        escaping.source.path = "../../etc/passwd"
        let bytes = try TaskCodec.encode(escaping)
        #expect(throws: RecordError.self) { try TaskCodec.decode(bytes) }
        #expect(throws: RecordError.self) { try progress(HeaderName.attempts, "many") }
        #expect(throws: RecordError.self) { try progress(HeaderName.attempts, "-1") }
        #expect(throws: RecordError.self) { try progress(HeaderName.history, "[") }
    }

    /// Version 0.1 did not record the submitter.
    @Test func recordsWithoutSubmitterStayReadable() throws {
        let written = try ResultDocument(outcome).encoded()
        let old = String(decoding: written, as: UTF8.self).replacing(",\"submittedBy\":null", with: "")
        #expect(old.utf8.count < written.count)
        #expect(try ResultDocument.decode(Array(old.utf8)) == ResultDocument(outcome))
        var success = outcome
        success.failure = nil
        success.submittedBy = "ci"
        let fast = try ResultDocument(success).encoded()
        #expect(try ResultDocument.decode(fast).submittedBy == "ci")
        let bare = String(decoding: fast, as: UTF8.self).replacing(",\"submittedBy\":\"ci\"", with: "")
        #expect(try ResultDocument.decode(Array(bare.utf8)).submittedBy == nil)
    }

    /// Any time of a file and any permissions arrive as they were, or are said to be unknown.
    @Test func attributesOfTheFileAreKept() throws {
        var success = outcome
        success.failure = nil
        for (time, text) in [
            (FileTime(seconds: 1_700_000_000, nanoseconds: 123_456_789), "2023-11-14T22:13:20.123Z"),
            (FileTime(seconds: 0, nanoseconds: 0), "1970-01-01T00:00:00.000Z"),
            (FileTime(seconds: -86_400 * 365, nanoseconds: 0), nil),
            (FileTime(seconds: .max, nanoseconds: 0), "2262-04-11T23:47:16.854Z"),
        ] as [(FileTime, String?)] {
            for (bits, mode) in [(UInt32(0o644), "0644"), (0, "0000"), (0o777, "0777")] {
                success.modifiedAt = time
                success.permissions = bits
                #expect(try OutcomeCodec.decode(OutcomeCodec.encode(success)) == success)
                let result = try ResultDocument.decode(ResultDocument(success).encoded())
                #expect(result.modifiedAt == text && result.mode == mode)
                #expect(result == ResultDocument(success))
            }
        }
        success.permissions = 0o1000
        #expect(throws: RecordError.self) { try OutcomeCodec.decode(OutcomeCodec.encode(success)) }
    }

    /// What results of version 0.1 lack.
    private static let addedKeys: Set = [
        "submittedBy", "modifiedAt", "mode", "sourceRoot", "sourcePath", "contentType", "firstAttemptAt", "uploadMs",
        "waitMs", "bytesSent", "bytesRepeated", "bytesResumed", "wasStored", "retries", "origin", "replay", "trace",
        "workerVersion",
    ]

    /// What attempts took travels with the task, and ends up in its result.
    @Test func factsRoundTrip() throws {
        var progress = TaskProgress(generation: 1, attempts: 2)
        progress.replay = "20261130-221500-k3f9"
        progress.effort.add(
            startedAt: Timestamp(clamping: 5), duration: .milliseconds(1_500), bytesSent: ByteCount(700))
        progress.effort.add(
            startedAt: Timestamp(clamping: 9), duration: .milliseconds(500), bytesSent: ByteCount(500))
        #expect(progress.effort.firstAttemptAt == Timestamp(clamping: 5))
        let record = LogRecord(value: nil, headers: ProgressHeaders.encode(progress))
        #expect(try ProgressHeaders.decode(record) == progress)
        let checkpoint = Checkpoint(
            task: TaskGeneration(identity: task.identity, generation: 1), isInFlight: false, progress: progress)
        #expect(try CheckpointCodec.decode(CheckpointCodec.encode(checkpoint)) == checkpoint)

        var outcome = outcome
        outcome.kind = .succeeded
        outcome.failure = nil
        outcome.verification = "http-2xx"
        outcome.size = ByteCount(1_000)
        outcome.finishedAt = Timestamp(clamping: 60_000)
        outcome.acceptedAt = Timestamp(clamping: 0)
        outcome.facts = OutcomeFacts(
            source: task.source, contentType: "image/jpeg", effort: progress.effort, replay: progress.replay,
            bytesResumed: ByteCount(500),
            failures: [
                AttemptRecord(
                    attempt: 1, at: Timestamp(clamping: 7), failure: "transient", message: "reset", httpStatus: 503,
                    worker: "w")
            ], origin: "backhaul.tasks/1@17", version: "0.2.0")
        #expect(try OutcomeCodec.decode(OutcomeCodec.encode(outcome)) == outcome)
        let result = ResultDocument(outcome, trace: "00-a-b-01")
        #expect(try ResultDocument.decode(result.encoded()) == result)
        #expect(result.uploadMs == 2_000 && result.waitMs == 58_000 && result.bytesSent == 1_200)
        #expect(result.bytesRepeated == 200 && result.bytesResumed == 500 && result.wasStored == false)
        #expect(result.retries?.map(\.kind) == ["transient"] && result.retries?.first?.httpStatus == 503)
        let again = try #require(result.outcome([]))
        #expect(ResultDocument(again, trace: "00-a-b-01") == result)
        for text in ["", "1", "1 2", "1 2 3 4", "-1 0 0", "0 -1 0", "x 0 0", "0 0 99999999999999999999"] {
            #expect(throws: RecordError.self, "\(text)") { try self.progress(HeaderName.effort, text) }
        }
        for text in ["", "A", "a/b", "a b", String(repeating: "a", count: 65)] {
            #expect(throws: RecordError.self, "\(text)") { try self.progress(HeaderName.replay, text) }
        }
    }

    /// Every other key is there in every version.
    @Test func resultsWithoutAnotherKeyAreRefused() throws {
        let written = try ResultDocument(outcome).encoded()
        let object = try #require(try JSONSerialization.jsonObject(with: Data(written)) as? [String: Any])
        for key in object.keys where !Self.addedKeys.contains(key) {
            let part = try JSONSerialization.data(withJSONObject: object.filter { $0.key != key })
            #expect(throws: RecordError.self, "\(key)") { try ResultDocument.decode(Array(part)) }
        }
    }

    /// A way that a later version knows is held to the stricter rules, those of HTTP callers.
    @Test func unknownWayCountsAsHTTP() throws {
        var mine = task
        mine.submitter = Submitter(name: "ci", way: .http)
        var bytes = try TaskCodec.encode(mine)
        // The submitter's field 2, its way: HTTP is 2.
        let field = try #require(bytes.lastIndex { $0 == 0x10 })
        #expect(bytes[field + 1] == 2)
        bytes[field + 1] = 9
        #expect(try TaskCodec.decode(bytes).submitter?.way == .http)
    }

    /// Nobody can make a known file another one by submitting it under another name.
    @Test func submitterIsKeptAndMakesNoDifference() throws {
        var mine = task
        for way in [Submitter.Way.http, .commandLine] {
            mine.submitter = Submitter(name: "ci", way: way)
            #expect(try TaskCodec.decode(TaskCodec.encode(mine)) == mine)
            #expect(try TaskFingerprint.of(mine) == TaskFingerprint.of(task))
        }
        mine.submitter = Submitter(name: "a\u{1b}b", way: .http)
        #expect(throws: RecordError.self) { try TaskCodec.decode(TaskCodec.encode(mine)) }
    }

    @Test func resultHasEveryKey() throws {
        let keys = [
            "taskId", "generation", "tenant", "batch", "status", "attempts", "crashes", "bytes", "sha256",
            "verification",
            "destination", "key", "failure", "objectMayExist", "worker", "acceptedAt", "startedAt", "finishedAt",
        ]
        var bare = outcome
        bare.failure = nil
        bare.sha256 = ""
        bare.verification = ""
        for outcome in [outcome, bare] {
            let bytes = try ResultDocument(outcome).encoded()
            let object = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
            #expect(Set(object.keys) == Set(keys).union(Self.addedKeys))
            #expect(try ResultDocument.decode(bytes).task == outcome.task)
        }
        let headers = CloudEvent.headers(outcome.task, status: "failed", time: "2026-01-01T00:00:00.000Z")
        #expect(headers.contains { $0 == ("ce_specversion", "1.0") })
        #expect(headers.contains { $0 == ("ce_id", "t1/abc/2") })
        #expect(headers.contains { $0 == ("content-type", "application/json") })
    }

    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"), (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
        (-1, "1970-01-01T00:00:00.000Z"),
    ])
    func timesAreRFC3339(_ milliseconds: Int64, _ text: String) {
        #expect(TimeText.format(Timestamp(clamping: milliseconds)) == text)
    }

    @Test func attemptHistoryIsBounded() {
        var progress = TaskProgress()
        for number in 1...100 {
            progress.record(
                AttemptRecord(
                    attempt: number, at: Timestamp(clamping: 0), failure: "x", message: "", httpStatus: nil, worker: "")
            )
        }
        #expect(progress.history.count == TaskProgress.longestHistory)
        #expect(progress.history.first?.attempt == 1)
        #expect(progress.history.last?.attempt == 100)
    }

    /// What is not the address of an API is none: commands would send a token there.
    @Test func onlyAddressesOfAPIsAreRead() throws {
        let layout = TopicLayout()
        let record = APIRecord(url: "https://ack.example:8480", host: "ack", startedAt: 5)
        let request = try record.request("ack:8480", layout)
        let read = try #require(APIRecord.read(request.record))
        #expect(read.process == "ack:8480" && read.api == record && CancelRecord.read(request.record) == nil)
        let gone = try #require(APIRecord.read(APIRecord.tombstone("ack:8480", layout).record))
        #expect(gone.process == "ack:8480" && gone.api == nil)
        for url in [
            "", "ftp://h", "file:///etc/passwd", "http://h\r\nX: y", "http://h\u{7f}",
            "http://" + String(repeating: "h", count: 3_000),
        ] {
            #expect(APIRecord.read(try APIRecord(url: url, host: "h", startedAt: 0).request("p", layout).record) == nil)
        }
        let task = TaskGeneration(identity: TaskIdentity(tenant: "t", id: "x"), generation: 0)
        #expect(APIRecord.read(try CancelRecord.request(task, at: 0, layout).record) == nil)
        #expect(!APIRecord(url: "http://127.0.0.1:1", host: "a", startedAt: 0).isReachable(from: "b"))
        #expect(APIRecord(url: "http://127.0.0.1:1", host: "a", startedAt: 0).isReachable(from: "a"))
        #expect(APIRecord(url: "https://h", host: "a", startedAt: 0).isReachable(from: "b"))
    }
}
