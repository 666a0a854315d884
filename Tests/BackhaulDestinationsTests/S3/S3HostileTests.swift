import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Testing

@Suite("S3 stores that mean no good")
struct S3HostileTests {
    private static let partSize = 1_000

    private let here = S3Destination(
        endpoint: S3Endpoint(url: "http://store:9000", bucket: "b", addressing: .path), bucket: "b",
        credentials: S3Credentials(accessKey: "AK", secretKey: Secret("SECRET")),
        partSize: ByteCount(clamping: Self.partSize), parallelParts: 3, check: .head)

    /// A store that never gets anywhere ends the attempt, not the worker.
    @Test func storesThatGoInCirclesEndTheAttempt() async throws {
        try await withSourceFile(3 * Self.partSize) { file, _ in
            let state = S3UploadState(
                place: here.endpoint.description, key: "k", upload: "u1",
                partSize: ByteCount(clamping: Self.partSize), checksum: .sha256)
            let page =
                "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker>"
                + "</ListPartsResult>"
            for (saved, path) in [(state.bytes, "list"), (nil, "complete")] {
                var dialect = here.upload(key: "k", body: .file(file), contentType: "", onlyIfAbsent: false)
                var store = S3StoreModel()
                let digest = SourceDigest()
                var waiting = [dialect.begin(DialectStart(now: .earliest, state: saved))]
                var requests = 0
                loop: while let step = waiting.popLast(), requests < 1_000 {
                    var report = TransferReport()
                    switch step {
                    case .failed, .stored, .absent, .swept: break loop
                    case .together(let steps):
                        waiting += steps
                        continue
                    case .digest(let request):
                        report.digest = try digest.read(request) { false }
                        report.tag = request.tag
                    case .request(let request):
                        requests += 1
                        let isCompletion = request.method == "POST" && request.url.contains("uploadId")
                        if path == "list", request.method == "GET" {
                            report = TransferReport(status: 200, body: Array(page.utf8))
                        } else if path == "complete", isCompletion {
                            report = store.error(404, "NoSuchUpload")
                        } else {
                            report = try store.handle(request)
                        }
                        report.tag = request.tag
                    case .save, .place: break
                    }
                    waiting.append(dialect.next(report, now: .earliest))
                }
                #expect(requests < 40, "\(path): \(requests) requests")
            }
        }
    }

    /// Hostile answers end an attempt, and trap nothing.
    @Test func hostileAnswersAreFailures() async throws {
        try await withSourceFile(2 * Self.partSize) { file, _ in
            let bodies = [
                "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>-9223372036854775808"
                    + "</NextPartNumberMarker></ListPartsResult>",
                "<ListPartsResult><IsTruncated>true</IsTruncated><Part><PartNumber>1</PartNumber><Size>99999999999999999"
                    + "</Size><ETag>x</ETag></Part></ListPartsResult>",
                "<InitiateMultipartUploadResult><UploadId>a&amp;b/../?</UploadId></InitiateMultipartUploadResult>",
                "<CompleteMultipartUploadResult/>", "<Any><ETag>x</ETag></Any>", "", "<a>",
                String(repeating: "x", count: 70_000),
            ]
            for seed in 0..<200 {
                var numbers = SeededNumbers(seed: UInt64(seed))
                var dialect = here.upload(
                    key: "k", body: .file(file), contentType: "", onlyIfAbsent: false)
                let digest = SourceDigest()
                let state = S3UploadState(
                    place: here.endpoint.description, key: "k", upload: "u",
                    partSize: ByteCount(clamping: Self.partSize), checksum: .sha256)
                var waiting = [dialect.begin(DialectStart(now: .earliest, state: seed % 2 == 0 ? state.bytes : nil))]
                var ended = false
                for _ in 0..<2_000 where !ended {
                    guard let step = waiting.popLast() else { break }
                    var report = TransferReport(
                        status: [200, 204, 404, 412, 500].randomElement(using: &numbers),
                        headers: [("etag", "\"\""), ("content-length", "-1"), ("x-amz-checksum-sha256", "?")],
                        body: Array((bodies.randomElement(using: &numbers) ?? "").utf8))
                    switch step {
                    case .stored, .failed, .absent, .swept:
                        ended = true
                        continue
                    case .together(let steps):
                        waiting += steps
                        continue
                    case .digest(let request):
                        report.digest = try digest.read(request) { false }
                        report.tag = request.tag
                    case .request(let request):
                        report.tag = request.tag
                        report.bytesSent = request.body.size
                    case .save, .place: break
                    }
                    waiting.append(dialect.next(report, now: .earliest))
                }
                #expect(ended, "seed \(seed) does not end")
            }
        }
    }
}
