import BackhaulDomain
import BackhaulTestKit
import BackhaulUnits
import Foundation
import Testing

@testable import BackhaulRecords

/// Compares the coders that are written by hand for speed with Foundation's.
@Suite("Result JSON")
struct ResultTextTests {
    private static func result(_ change: (inout Outcome) -> Void) -> ResultDocument {
        var outcome = Outcome(
            kind: .succeeded, task: TaskGeneration(identity: TaskIdentity(tenant: "t", id: "id"), generation: 3),
            batch: "b", destination: DestinationReference(target: .named("nas"), key: "a/b.jpg"), attempts: 2,
            crashes: 1,
            size: ByteCount(123_456), sha256: String(repeating: "0a", count: 32), verification: "http-2xx",
            worker: "w-1",
            acceptedAt: Timestamp(clamping: 1_795_000_000_001), startedAt: Timestamp(clamping: 1_795_000_000_020),
            finishedAt: Timestamp(clamping: 1_795_000_000_300))
        change(&outcome)
        return ResultDocument(outcome)
    }

    private static let results: [ResultDocument] = [
        result { _ in },
        result { $0.sha256 = "" },
        result { $0.size = Domain.largestFile },
        result { $0.size = .zero },
        result {
            $0.worker = "quote \" backslash \\ slash / tab \t newline \n bell \u{07} \u{1f} \u{7f} \u{2028} ä 日本 😀"
        },
        result { $0.destination.key = "e\u{0301}\u{2028} \"\\" },
        result { $0.verification = "e\u{0301}\u{0}\u{8}\u{c}\r" },
        result { outcome in
            outcome.kind = .failed
            outcome.verification = ""
            outcome.failure = Failure(.permanent, "the server said \"no\"\n", httpStatus: 403)
        },
        result { outcome in
            outcome.facts = OutcomeFacts(
                source: SourceReference(root: "src", path: "a \"b\"/c.jpg"), contentType: "image/jpeg",
                effort: TaskEffort(
                    firstAttemptAt: Timestamp(clamping: 1_795_000_000_002), uploading: .milliseconds(17),
                    bytesSent: ByteCount(200_000)), replay: "r-1", bytesResumed: ByteCount(7), wasStored: true,
                failures: [
                    AttemptRecord(
                        attempt: 1, at: Timestamp(clamping: 4), failure: "transient", message: "", httpStatus: nil,
                        worker: ""),
                    AttemptRecord(
                        attempt: 2, at: Timestamp(clamping: 5), failure: "throttled", message: "", httpStatus: 429,
                        worker: ""),
                ], origin: "backhaul.tasks/0@3", version: "0.2.0")
        },
        result { outcome in
            outcome.kind = .cancelled
            outcome.objectMayExist = true
            outcome.failure = Failure(.transient, "", httpStatus: nil)
        },
    ]

    @Test(arguments: results)
    func resultBytesMatchJSONEncoder(_ result: ResultDocument) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        #expect(
            String(decoding: try result.encoded(), as: UTF8.self)
                == String(decoding: try encoder.encode(result), as: UTF8.self))
    }

    @Test(arguments: results)
    func resultRoundTrips(_ result: ResultDocument) throws {
        #expect(try ResultDocument.decode(result.encoded()) == result)
    }

    @Test func flatDocumentIsReadByFastPath() throws {
        let result = Self.results[0]
        #expect(JSONFields.read(try result.encoded()).flatMap(ResultDocument.init(fields:)) == result)
        let blanks = String(decoding: try result.encoded(), as: UTF8.self)
            .replacingOccurrences(of: ":", with: " : ").replacingOccurrences(of: ",\"", with: " ,\n\t\"")
        let spaced = try #require(JSONFields.read(Array(blanks.utf8)).flatMap(ResultDocument.init(fields:)))
        #expect(spaced.taskId == result.taskId && spaced.bytes == result.bytes)
    }

    @Test(arguments: [
        "", "{", "{}x", "[]", "{\"a\":1,\"a\":2}", "{\"a\":1.5}", "{\"a\":1e3}", "{\"a\":-1}", "{\"a\":01}",
        "{\"a\":\"\\n\"}",
        "{\"a\":\"\n\"}", "{\"a\":{}}", "{\"a\":[]}", "{\"a\":tru}", "{\"a\":1234567890123456789}", "{\"a\" 1}",
        "{\"a\":1,}",
        "{\"a\":\"\u{0}\"}", "{a:1}", "{\"a\":\"x}",
    ])
    func fastPathRefusesComplexJSON(_ text: String) {
        #expect(JSONFields.read(Array(text.utf8)) == nil)
    }

    @Test func fastPathRefusesInvalidUTF8() {
        #expect(JSONFields.read(Array("{\"a\":\"".utf8) + [0xff] + Array("\"}".utf8)) == nil)
    }

    @Test func cloudEventHeadersRoundTrip() throws {
        let task = TaskGeneration(identity: TaskIdentity(tenant: "t", id: "x"), generation: 7)
        for kind in [OutcomeKind.succeeded, .failed, .cancelled, .expired] {
            let headers = Dictionary(
                CloudEvent.headers(task, status: kind.rawValue, time: "2026-11-25T00:00:00.000Z").map {
                    ($0.name, $0.text)
                }
            ) { $1 }
            let read = try #require(CloudEvent.read { headers[$0] })
            #expect(read.task == task && read.status == kind)
        }
    }

    @Test(arguments: [
        ("t/x/7", "backhaul.upload.started.v1"), ("t/x/7", "backhaul.upload.succeeded.v2"), ("t/x/7", "other"),
        ("t/x", "backhaul.upload.succeeded.v1"), ("t/x/y/7", "backhaul.upload.succeeded.v1"),
        ("t/x/-1", "backhaul.upload.succeeded.v1"), ("/x/1", "backhaul.upload.succeeded.v1"),
        ("t//1", "backhaul.upload.succeeded.v1"), ("t/x/7", ".v1"),
    ])
    func foreignCloudEventHeadersAreIgnored(_ id: String, _ type: String) {
        #expect(CloudEvent.read { ["ce_id": id, "ce_type": type][$0] } == nil)
        #expect(CloudEvent.read { _ in nil } == nil)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (1_795_595_523_007, "2026-11-25T08:32:03.007Z"),
        (-1, "1970-01-01T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (Int64.max, "9999-12-31T23:59:59.999Z"), (Int64.min, "1970-01-01T00:00:00.000Z"),
    ])
    func timesAreRFC3339(_ milliseconds: Int64, _ text: String) {
        #expect(TimeText.format(Timestamp(clamping: milliseconds)) == text)
    }
}
