import BackhaulDestinations
import BackhaulDomain
import BackhaulFiles
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Testing

@Suite("Dialect steps")
struct DialectTests {
    private let hash = String(repeating: "ab", count: 32)

    private func body() -> TransferBody { .bytes(LoadedBytes(bytes: [1, 2, 3], sha256: hash)) }

    private func upload(check: HTTPDestination.Check = .answer, _ reports: [TransferReport]) -> (Step, [String]) {
        var dialect = HTTPUpload(
            destination: HTTPDestination(url: "http://h/base", check: check), key: "a/b", body: body(), contentType: "")
        var step = dialect.begin(DialectStart(now: .earliest))
        var requests: [String] = []
        for report in reports {
            if case .request(let request) = step { requests.append("\(request.method) \(request.url)") }
            step = dialect.next(report, now: .earliest)
        }
        return (step, requests)
    }

    private func sent(
        _ status: Int, headers: [(name: String, value: String)] = [], isEarly: Bool = false, bytes: UInt64 = 3,
        retryAfter: Duration? = nil
    ) -> TransferReport {
        TransferReport(
            status: status, headers: headers, bytesSent: ByteCount(clamping: bytes), sha256: hash, isEarly: isEarly,
            retryAfter: retryAfter)
    }

    private func failure(_ step: Step) -> Failure? { if case .failed(let failure) = step { failure } else { nil } }
    private func stored(_ step: Step) -> StoredObject? { if case .stored(let object) = step { object } else { nil } }

    @Test func status2xxAfterFullBodySucceeds() {
        let (step, requests) = upload([sent(201)])
        #expect(requests == ["PUT http://h/base/a/b"])
        #expect(stored(step) == StoredObject(size: ByteCount(3), sha256: hash, verification: .status))
    }

    /// The time of the file is sent in whole seconds, rounded down, unless the destination is told not to.
    @Test func modificationTimeIsSent() {
        for (seconds, nanoseconds, text) in [(1_700_000_000, 999_999_999, "1700000000"), (-2, 500_000_000, "-2")] {
            let time = FileTime(seconds: seconds, nanoseconds: nanoseconds)
            let body = TransferBody.bytes(
                LoadedBytes(
                    bytes: [1], sha256: hash, attributes: FileAttributes(modifiedAt: time, permissions: 0o644)))
            for way in HTTPDestination.ModifiedTime.allCases {
                var dialect = HTTPUpload(
                    destination: HTTPDestination(url: "http://h/", modifiedTime: way), key: "k", body: body,
                    contentType: "")
                guard case .request(let request) = dialect.begin(DialectStart(now: .earliest)) else { continue }
                let sent = request.headers.first { $0.name == "X-OC-Mtime" }?.value
                #expect(sent == (way == .none ? nil : text))
            }
        }
    }

    @Test func earlyOrShort2xxIsIntegrityFailure() {
        #expect(failure(upload([sent(200, isEarly: true)]).0)?.kind == .integrity)
        #expect(failure(upload([sent(200, bytes: 2)]).0)?.kind == .integrity)
    }

    @Test func reprDigestIsComparedWithSentHash() {
        let digest = "sha-256=:q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=:"
        #expect(stored(upload([sent(200, headers: [("repr-digest", digest)])]).0)?.verification == .digest)
        let other = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
        #expect(failure(upload([sent(200, headers: [("repr-digest", other)])]).0)?.kind == .integrity)
    }

    @Test(arguments: [
        (400, FailureClass.permanent), (401, .refused), (403, .refused), (407, .refused), (404, .permanent),
        (409, .permanent),
        (413, .permanent), (507, .transient), (501, .permanent), (301, .permanent), (307, .permanent),
        (408, .transient),
        (425, .transient), (429, .transient), (500, .transient), (502, .transient), (503, .transient),
        (504, .transient),
        (520, .transient),
    ])
    func httpStatusMapsToFailureClass(_ status: Int, _ kind: FailureClass) {
        let failure = self.failure(upload([sent(status)]).0)
        #expect(failure?.kind == kind)
        #expect(failure?.httpStatus == status)
    }

    @Test func retryAfterIsThrottled() {
        let failure = self.failure(upload([sent(429, retryAfter: .seconds(7))]).0)
        #expect(failure?.kind == .throttled && failure?.retryAfter == .seconds(7))
    }

    @Test func transferFailureMapsToFailureClass() {
        func kind(_ failure: TransferError) -> FailureClass? {
            self.failure(upload([TransferReport(failure: failure)]).0)?.kind
        }
        #expect(kind(.broken("x")) == .transient)
        #expect(kind(.timedOut("x")) == .transient)
        #expect(kind(.egressRefused("x")) == .egressRefused)
        #expect(kind(.untrusted("x")) == .permanent)
        #expect(kind(.sourceChanged("x")) == .sourceChanged)
        // The server sends a status and closes while the body is still being sent: an error status decides, a 200
        // does not.
        #expect(failure(upload([TransferReport(status: 413, failure: .broken("x"))]).0)?.kind == .permanent)
        #expect(failure(upload([TransferReport(status: 200, failure: .broken("x"))]).0)?.kind == .transient)
    }

    @Test func verificationFollowsUpload() {
        let (right, requests) = upload(
            check: .head, [sent(201), TransferReport(status: 200, headers: [("content-length", "3")])])
        #expect(requests == ["PUT http://h/base/a/b", "HEAD http://h/base/a/b"])
        #expect(stored(right)?.verification == .length)
        #expect(
            failure(
                upload(check: .head, [sent(201), TransferReport(status: 200, headers: [("content-length", "2")])]).0)?
                .kind == .integrity)
        #expect(failure(upload(check: .head, [sent(201), TransferReport(status: 404)]).0)?.kind == .integrity)
        // A server that does not answer a HEAD, or without a length, is asked for the object: it is not sent again.
        for head in [TransferReport(status: 200), TransferReport(status: 405), TransferReport(status: 501)] {
            let (read, requests) = upload(
                check: .head, [sent(201), head, TransferReport(status: 200, receivedSHA256: hash)])
            #expect(stored(read)?.verification == .readBack)
            #expect(requests == ["PUT http://h/base/a/b", "HEAD http://h/base/a/b", "GET http://h/base/a/b"])
        }
        #expect(
            stored(upload(check: .readBack, [sent(201), TransferReport(status: 200, receivedSHA256: hash)]).0)?
                .verification == .readBack)
        #expect(
            failure(upload(check: .readBack, [sent(201), TransferReport(status: 200, receivedSHA256: "00")]).0)?.kind
                == .integrity)
    }

    @Test func keyIsPercentEncodedInURL() {
        let destination = HTTPDestination(url: "http://h/b/")
        #expect(destination.url(of: "a b/ä%41#?&+.txt") == "http://h/b/a%20b/%C3%A4%2541%23%3F%26%2B.txt")
    }

    @Test func secretIsNotInDescription() {
        let destination = HTTPDestination(
            url: "http://h/", headers: [SecretHeader(name: "Authorization", value: Secret("Bearer canary"))])
        #expect(!"\(destination)".contains("canary"))
        #expect(!String(reflecting: destination).contains("canary"))
        var dialect = HTTPUpload(destination: destination, key: "k", body: body(), contentType: "")
        guard case .request(let request) = dialect.begin(DialectStart(now: .earliest)) else { return }
        #expect(request.headers.contains { $0 == ("Authorization", "Bearer canary") })
    }

    @Test func unknownDestinationThrows() {
        let table = DestinationTable(
            ["nas": Destination(FolderDestination(path: "/nas"))], allowsURLs: false)
        #expect(throws: Failure.self) { try table.resolve(.named("naz")) }
        #expect(throws: Failure.self) { try table.resolve(.url("http://x/")) }
        #expect((try? table.resolve(.named("nas"))) != nil)
    }
}
