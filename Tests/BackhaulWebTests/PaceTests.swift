import BackhaulTelemetry
import BackhaulTestKit
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import BackhaulWeb

@Suite("Slow and refused clients")
struct PaceTests {
    @Test func paceCountsWaitingAfterGracePeriod() {
        let pace = ClientPace(bytesPerSecond: 100, grace: .seconds(10), longestStandstill: .seconds(60))
        #expect(!pace.isTooSlow(.init(size: 0, waited: .seconds(9))))
        #expect(pace.isTooSlow(.init(size: 99, waited: .seconds(10))))
        #expect(!pace.isTooSlow(.init(size: 100, waited: .seconds(10))))
        #expect(!pace.isTooSlow(.init(size: 1_100, waited: .seconds(20))))
        #expect(pace.isTooSlow(.init(size: 1_099, waited: .seconds(20))))
        #expect(!pace.isStuck(.seconds(59)) && pace.isStuck(.seconds(60)))
    }

    private func serving(_ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let route = APIRoute(.post, "/v1/sink", .submit) { request, _ in
            var count = 0
            for try await chunk in request.body { count += chunk.readableBytes }
            return JSONAnswer.response(.ok, ["bytes": count])
        }
        let token = APIToken(
            caller: Caller(name: "t", scopes: [.submit], tenant: nil),
            sha256: ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])
        let server = WebServer(
            host: "127.0.0.1", port: 0, routes: [route],
            authenticator: Authenticator(isOn: true, tokens: [token]),
            meters: WebMeters(), pace: ClientPace(), logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            try await body(try await server.waitUntilListening())
            await server.stop(grace: .seconds(2))
            group.cancelAll()
        }
    }

    /// A connection that sends no head, as one that never ends its TLS handshake, is closed.
    @Test func connectionWithoutAHeadIsClosed() throws {
        let channel = EmbeddedChannel(handler: SlowClientGuard(pace: ClientPace(), onSlow: {}))
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        channel.embeddedEventLoop.advanceTime(by: .seconds(29))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }

    /// A channel with the guard in it, on a loop whose time the test moves.
    private func channel(_ slow: Counter) throws -> EmbeddedChannel {
        let pace = ClientPace(bytesPerSecond: 1_000, grace: .seconds(1), longestStandstill: .seconds(60))
        let channel = EmbeddedChannel(handler: SlowClientGuard(pace: pace, onSlow: { slow.add(1, []) }))
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        let head = HTTPRequest(method: .post, scheme: "http", authority: "x", path: "/v1/sink")
        try channel.writeInbound(HTTPRequestPart.head(head))
        return channel
    }

    private func send(_ bytes: Int, to channel: EmbeddedChannel) throws {
        try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(repeating: 0, count: bytes)))
        channel.read()
    }

    private func slow() -> Counter { Counter("slow", "") }

    @Test func drippingBodyIsCutOff() throws {
        let slow = slow()
        let channel = try channel(slow)
        try send(3, to: channel)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(900))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(200))
        #expect(!channel.isActive && slow.family.samples.first?.value == 1)
    }

    @Test func steadyBodyIsTaken() throws {
        let slow = slow()
        let channel = try channel(slow)
        for _ in 0..<100 {
            try send(1_100, to: channel)
            channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        }
        try channel.writeInbound(HTTPRequestPart.end(nil))
        channel.embeddedEventLoop.advanceTime(by: .seconds(100))
        #expect(channel.isActive && slow.family.samples.first?.value == 0)
        _ = try channel.finish()
    }

    /// As a batch does while the log is busy: some lines are here, more may come, the client waits for answers.
    @Test func waitingForTheServerIsNotSlow() throws {
        let slow = slow()
        let channel = try channel(slow)
        try send(3, to: channel)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(500))
        channel.triggerUserOutboundEvent(SlowClientGuard.Working(isSo: true), promise: nil)
        channel.embeddedEventLoop.advanceTime(by: .seconds(100))
        #expect(channel.isActive)
        channel.triggerUserOutboundEvent(SlowClientGuard.Working(isSo: false), promise: nil)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(400))
        #expect(channel.isActive && slow.family.samples.first?.value == 0)
        // What was waited for before and after the work is one sum.
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive && slow.family.samples.first?.value == 1)
    }

    /// A refused body is not read to its end: the answer comes, and then the connection ends.
    @Test func aRefusedBodyEndsItsConnection() async throws {
        try await serving { port in
            let client = try RawClient(port: port)
            client.send("POST /v1/sink HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\nabc")
            let end = await client.receive(seconds: 60)
            #expect(end.isClosed && end.text.hasPrefix("HTTP/1.1 401"), "\(end)")
            #expect(
                end.text.lowercased().contains("connection: close") && end.text.contains(#""code":"unauthenticated""#))
        }
    }
}
