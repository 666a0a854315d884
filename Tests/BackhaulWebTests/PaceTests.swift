import BackhaulTelemetry
import BackhaulTestKit
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import Testing

@testable import BackhaulWeb

@Suite("Slow and refused clients")
struct PaceTests {
    private let second: Int64 = 1_000_000_000

    @Test func onlyWaitingCountsAndOnlyBeyondTheGrace() {
        let pace = ClientPace(bytesPerSecond: 100, grace: 10, longestStandstill: 60)
        #expect(!pace.isTooSlow(.init(bytes: 0, waited: 9 * second)))
        #expect(pace.isTooSlow(.init(bytes: 99, waited: 10 * second)))
        #expect(!pace.isTooSlow(.init(bytes: 100, waited: 10 * second)))
        #expect(!pace.isTooSlow(.init(bytes: 1_100, waited: 20 * second)))
        #expect(pace.isTooSlow(.init(bytes: 1_099, waited: 20 * second)))
        #expect(!pace.isStuck(nanoseconds: 59 * second) && pace.isStuck(nanoseconds: 60 * second))
    }

    private func serving(pace: ClientPace, _ body: @escaping @Sendable (Int, WebMeters) async throws -> Void)
        async throws
    {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let meters = WebMeters()
        let route = APIRoute(.post, "/v1/sink", .submit) { request, _ in
            var count = 0
            for try await chunk in request.body { count += chunk.readableBytes }
            return JSONAnswer.response(.ok, ["bytes": count])
        }
        let thinking = APIRoute(.post, "/v1/thinking", .submit) { request, call in
            // As a batch does while the log is busy: some lines are here, more may come, the client waits for answers.
            var iterator = request.body.makeAsyncIterator()
            _ = try await iterator.next()
            call.isWorking(true)
            try await Task.sleep(for: .seconds(4))
            call.isWorking(false)
            return JSONAnswer.response(.ok, ["done": true])
        }
        let token = APIToken(
            caller: Caller(name: "t", scopes: [.submit], tenant: nil),
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
        let server = WebServer(
            host: "127.0.0.1", port: 0, routes: [route, thinking],
            authenticator: Authenticator(isOn: true, tokens: [token]),
            meters: meters, pace: pace, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            try await body(try await server.waitUntilListening(), meters)
            await server.stop(grace: 2_000)
            group.cancelAll()
        }
    }

    /// A body that drips is cut off; one that comes at once is taken.
    @Test func aDrippingBodyIsCutOff() async throws {
        try await serving(pace: ClientPace(bytesPerSecond: 1_000, grace: 1, longestStandstill: 60)) { port, meters in
            let head = "POST /v1/sink HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test\r\n"
            let client = try RawClient(port: port)
            client.send(head + "Content-Length: 100000\r\n\r\nabc")
            let end = await client.receive(seconds: 10)
            #expect(end.isClosed && end.text.isEmpty, "\(end)")
            #expect(
                meters.families.contains { $0.name == "backhaul_http_slow_clients_total" && $0.samples[0].value == 1 })
            let good = try RawClient(port: port)
            good.send(head + "Connection: close\r\nContent-Length: 3\r\n\r\nabc")
            #expect(await good.receive(seconds: 5).text.contains(#"{"bytes":3}"#))
        }
    }

    /// A client that waits for the server is not slow.
    @Test func aServerThatWorksIsNoSlowClient() async throws {
        try await serving(pace: ClientPace(bytesPerSecond: 1_000, grace: 1, longestStandstill: 60)) { port, meters in
            let client = try RawClient(port: port)
            client.send(
                "POST /v1/thinking HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
            )
            let end = await client.receive(seconds: 8)
            #expect(end.text.contains(#"{"done":true}"#), "\(end)")
            #expect(
                meters.families.contains { $0.name == "backhaul_http_slow_clients_total" && $0.samples[0].value == 0 })
        }
    }

    /// A refused body is not read to its end: the answer comes, and then the connection ends.
    @Test func aRefusedBodyEndsItsConnection() async throws {
        try await serving(pace: ClientPace()) { port, _ in
            let client = try RawClient(port: port)
            client.send("POST /v1/sink HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\nabc")
            let end = await client.receive(seconds: 8)
            #expect(end.isClosed && end.text.hasPrefix("HTTP/1.1 401"), "\(end)")
            #expect(
                end.text.lowercased().contains("connection: close") && end.text.contains(#""code":"unauthenticated""#))
        }
    }
}
