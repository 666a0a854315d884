import BackhaulDomain
import BackhaulFiles
import BackhaulTestKit
import BackhaulUnits
import CLibcurl
import Crypto
import Foundation
import Testing

@testable import BackhaulTransfer

@Suite("Transfer engine", .serialized)
struct EngineTests {
    private func withEngine(
        limits: TransferLimits = .standard, egress: EgressPolicy = .privateNetworks,
        _ answer: @escaping @Sendable (StubRequest) -> StubAnswer,
        _ body: (TransferEngine, StubServer) async throws -> Void
    ) async throws {
        let server = try StubServer(answer: answer)
        let engine = try TransferEngine(limits: limits, egress: egress, pool: ReaderPool())
        do {
            try await body(engine, server)
        } catch {
            await engine.close()
            server.close()
            throw error
        }
        await engine.close()
        server.close()
    }

    private func loaded(_ bytes: [UInt8]) -> TransferBody {
        .bytes(LoadedBytes(bytes: bytes, sha256: sha(bytes)))
    }

    private func sha(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    private func put(_ server: StubServer, _ name: String, _ body: TransferBody, progress: TransferProgress? = nil)
        -> TransferRequest
    {
        TransferRequest(method: "PUT", url: server.url + name, body: body, progress: progress)
    }

    private func withFile(_ bytes: [UInt8], _ body: (SourceFile, String) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            try Data(bytes).write(to: URL(fileURLWithPath: folder + "/f"))
            let roots = SourceRoots(configured: ["r": .init(path: folder)], registry: nil, takesRegistered: false)
            let root = try roots.open("r")
            try await body(try SourceFile(path: "f", below: root.descriptor), folder + "/f")
        }
    }

    /// Bytes that do not repeat; cheap, because a debug build makes tens of megabytes of them.
    private func random(_ count: Int) -> [UInt8] {
        var state = UInt64.random(in: 1...(.max))
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { buffer in
            var index = 0
            while index < count {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                withUnsafeBytes(of: state) { word in
                    let length = min(8, count - index)
                    buffer[index..<index + length].copyBytes(from: word[..<length])
                }
                index += 8
            }
        }
        return bytes
    }

    @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 1_500_000, 20_000_000])
    func uploadStreamsAndHashesFile(size: Int) async throws {
        let bytes = random(size)
        try await withEngine({ _ in .store() }) { engine, server in
            try await withFile(bytes) { file, _ in
                let progress = TransferProgress()
                let report = try await engine.run(put(server, "f", .file(file), progress: progress))
                #expect(report.status == 201)
                #expect(report.failure == nil)
                #expect(report.bytesSent == ByteCount(clamping: size))
                #expect(report.sha256 == sha(bytes))
                #expect(progress.bytesSent == ByteCount(clamping: size))
                #expect(server.objects["f"] == bytes)
            }
        }
    }

    @Test func connectionsAreReused() async throws {
        try await withEngine({ _ in .store() }) { engine, server in
            for number in 0..<50 { _ = try await engine.run(put(server, "\(number)", loaded([1, 2, 3]))) }
            #expect(server.requests.count == 50)
            #expect(server.connectionCount == 1)
        }
    }

    @Test func transfersPerHostAreLimited() async throws {
        var limits = TransferLimits.standard
        limits.transfersPerHost = 3
        try await withEngine(limits: limits, { _ in .slow(0.02) }) { engine, server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<30 {
                    group.addTask { _ = try await engine.run(put(server, "\(number)", loaded([1]))) }
                }
                try await group.waitForAll()
            }
            #expect(server.requests.count == 30)
            #expect(server.connectionCount <= 3)
        }
    }

    /// A 2xx response before the server has all bytes does not prove that it stored the object.
    @Test func responseBeforeFullBodyIsEarly() async throws {
        try await withEngine({ _ in .early(200) }) { engine, server in
            try await withFile(random(20_000_000)) { file, _ in
                let report = try await engine.run(put(server, "f", .file(file)))
                #expect(report.status == 200)
                #expect(report.isEarly)
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test func brokenResponseIsFailure() async throws {
        try await withEngine({ _ in .breakAnswer }) { engine, server in
            let report = try await engine.run(put(server, "f", loaded([1])))
            guard case .broken = report.failure else {
                Issue.record("\(report)")
                return
            }
            #expect(server.requests.count == 1)
        }
    }

    @Test func lostResponseIsFailureWithoutResend() async throws {
        try await withEngine({ _ in .loseReply }) { engine, server in
            let report = try await engine.run(put(server, "f", loaded([1])))
            #expect(report.status == nil)
            #expect(report.failure != nil)
            #expect(server.requests.count == 1)
            #expect(server.objects["f"] == [1])
        }
    }

    /// libcurl silently sends a whole request again when a reused connection dies before any byte of the response
    /// arrives. The body is rewound and hashed again.
    @Test func silentResendRewindsAndRehashesBody() async throws {
        let bytes = random(40_000)
        try await withEngine({ $0.target == "/first" ? .storeThenDropNext : .store() }) { engine, server in
            _ = try await engine.run(put(server, "first", loaded([1])))
            try await withFile(bytes) { file, _ in
                let report = try await engine.run(put(server, "second", .file(file)))
                #expect(report.status == 201)
                #expect(report.sha256 == sha(bytes))
                #expect(server.objects["second"] == bytes)
                #expect(server.requests.filter { $0.target == "/second" }.count == 2, "libcurl sent it twice")
            }
        }
    }

    /// A connection that ends behind an interim answer ends without an answer: what the server has is not known.
    @Test func interimAnswerIsNoEnd() async throws {
        try await withEngine({ _ in .endAfterInterim }) { engine, server in
            let report = try await engine.run(put(server, "f", loaded([1])))
            #expect(report.status == nil)
            guard case .broken = report.failure else {
                Issue.record("\(report)")
                return
            }
        }
    }

    @Test func stalledTransferTimesOut() async throws {
        var limits = TransferLimits.standard
        limits.stallTimeout = .seconds(1)
        try await withEngine(limits: limits, { _ in .stall(120) }) { engine, server in
            let start = ContinuousClock.now
            let report = try await engine.run(put(server, "f", loaded([1])))
            guard case .timedOut = report.failure else {
                Issue.record("\(report)")
                return
            }
            #expect(ContinuousClock.now - start < .seconds(60))
        }
    }

    @Test func cancellationEndsRunningTransfer() async throws {
        try await withEngine({ _ in .stall(20) }) { engine, server in
            let task = Task { try await engine.run(put(server, "f", loaded([1]))) }
            while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
            task.cancel()
            await #expect(throws: CancellationError.self) {
                try await within(300, "the cancel") { try await task.value }
            }
            #expect(await engine.load.running == 0)
        }
    }

    @Test func cancellationEndsWaitingTransfer() async throws {
        var limits = TransferLimits.standard
        limits.transfersPerHost = 1
        try await withEngine(limits: limits, { _ in .stall(20) }) { engine, server in
            let first = Task { try await engine.run(put(server, "1", loaded([1]))) }
            while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
            let second = Task { try await engine.run(put(server, "2", loaded([1]))) }
            while await engine.load.waiting == 0 { try await Task.sleep(for: .milliseconds(5)) }
            second.cancel()
            await #expect(throws: CancellationError.self) { try await second.value }
            first.cancel()
            await #expect(throws: CancellationError.self) { try await first.value }
            #expect(server.requests.count == 1)
        }
    }

    @Test func redirectsAreNotFollowed() async throws {
        try await withEngine({ $0.target == "/f" ? .status(307, headers: ["Location": "/elsewhere"]) : .store() }) {
            engine, server in
            let report = try await engine.run(put(server, "f", loaded([1])))
            #expect(report.status == 307)
            #expect(server.requests.map(\.target) == ["/f"])
        }
    }

    @Test func earlyRefusalStatusIsReported() async throws {
        try await withEngine({ _ in .status(413) }) { engine, server in
            try await withFile(random(20_000_000)) { file, _ in
                let report = try await engine.run(put(server, "f", .file(file)))
                #expect(report.status == 413)
            }
        }
    }

    /// The address decides, in every spelling of the URL. Nothing reaches the listening socket.
    @Test(arguments: [
        "127.0.0.1", "127.1", "0x7f000001", "2130706433", "017700000001", "[::ffff:127.0.0.1]", "localhost",
    ])
    func forbiddenAddressIsNotConnected(_ host: String) async throws {
        try await withEngine(egress: .publicOnly, { _ in .store() }) { engine, server in
            let request = TransferRequest(method: "PUT", url: "http://\(host):\(server.port)/f", body: loaded([1]))
            let report = try await engine.run(request)
            guard case .egressRefused = report.failure else {
                Issue.record("\(host): \(report)")
                return
            }
            #expect(server.connectionCount == 0)
        }
    }

    /// A connection that is used again passes no check when it is made: its address is checked before the request.
    /// Here the handle makes its socket unchecked, as if another policy had.
    @Test func requestOnAnUncheckedConnectionIsRefused() async throws {
        let server = try StubServer { _ in .store() }
        defer { server.close() }
        let report = try await withCheckedThrowingContinuation { continuation in
            let request = TransferRequest(method: "PUT", url: server.url + "f", body: loaded([1]))
            let transfer = ActiveTransfer(
                id: 1, request: request, host: "h", egress: .publicOnly,
                feeder: BodyFeeder(request.body, pool: ReaderPool(), progress: nil) {}, continuation: continuation)
            continuation.resume(
                with: Result {
                    let easy = try #require(curl_easy_init())
                    try transfer.prepare(.standard, handle: OpaquePointer(easy))
                    _ = backhaul_set_socket_function(easy, nil)
                    let report = transfer.report(curl_easy_perform(easy))
                    _ = transfer.release()
                    curl_easy_cleanup(easy)
                    return report
                })
        }
        guard case .egressRefused("127.0.0.1") = report.failure else {
            Issue.record("\(report)")
            return
        }
        #expect(server.requests.isEmpty)
    }

    @Test(arguments: [
        "file:///etc/passwd", "gopher://127.0.0.1/", "http://u:p@127.0.0.1/", "http://", "ftp://127.0.0.1/x",
    ])
    func unsupportedURLsAreRefused(_ url: String) async throws {
        try await withEngine({ _ in .store() }) { engine, _ in
            await #expect(throws: TransferError.self) {
                _ = try await engine.run(TransferRequest(method: "PUT", url: url, body: loaded([1])))
            }
        }
    }

    @Test func headerInjectionIsRefused() async throws {
        try await withEngine({ _ in .store() }) { engine, server in
            await #expect(throws: TransferError.self) {
                _ = try await engine.run(
                    TransferRequest(
                        method: "PUT", url: server.url, headers: [("X-A", "1\r\nX-B: 2")], body: loaded([1])))
            }
            #expect(server.requests.isEmpty)
        }
    }

    /// A file that changes while it is read never becomes an object: the last chunk waits until the file proves
    /// unchanged.
    @Test(arguments: ["grow", "shrink", "touch"])
    func changingFileFailsTransfer(_ how: String) async throws {
        try await withEngine({ _ in .slow(0.005) }) { engine, server in
            try await withFile(random(8_000_000)) { file, path in
                let upload = Task { try await engine.run(put(server, "f", .file(file))) }
                while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
                let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
                switch how {
                case "grow": try handle.truncate(atOffset: 9_000_000)
                case "shrink": try handle.truncate(atOffset: 1_000_000)
                default:
                    try handle.seek(toOffset: 7_999_999)
                    try handle.write(contentsOf: [1])
                }
                try handle.close()
                let report = try await upload.value
                guard case .sourceChanged = report.failure else {
                    Issue.record("\(report)")
                    return
                }
                #expect(server.objects.isEmpty)
            }
        }
    }

    @Test func downloadIsHashed() async throws {
        let bytes = random(3_000_000)
        try await withEngine({ $0.method == "PUT" ? .store() : .fetch }) { engine, server in
            _ = try await engine.run(put(server, "f", loaded(bytes)))
            let report = try await engine.run(TransferRequest(method: "GET", url: server.url + "f", sink: .hash))
            #expect(report.receivedSHA256 == sha(bytes))
            #expect(report.bytesReceived == ByteCount(clamping: bytes.count))
            #expect(report.body.isEmpty)
        }
    }

    /// What a server sends is kept in part only.
    @Test func answersOfServersAreBounded() async throws {
        let (long, body) = (String(repeating: "x", count: 70 << 10), String(repeating: "y", count: 1 << 20))
        try await withEngine({ request in
            request.target.hasSuffix("/head") ? .status(200, headers: ["X-Long": long]) : .status(500, body: body)
        }) { engine, server in
            let head = try await engine.run(put(server, "head", loaded([1])))
            guard case .protocolError = head.failure else {
                Issue.record("\(String(describing: head.failure))")
                return
            }
            let report = try await engine.run(put(server, "body", loaded([1])))
            #expect(report.status == 500 && report.body.count == 4_096)
        }
    }

    @Test func retryAfterHeaderIsRead() async throws {
        try await withEngine({ _ in .status(429, headers: ["Retry-After": "7"]) }) { engine, server in
            let report = try await engine.run(put(server, "f", loaded([1])))
            #expect(report.retryAfter == .seconds(7))
        }
    }
}
