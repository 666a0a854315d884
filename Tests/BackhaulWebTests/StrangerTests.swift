import BackhaulDomain
import BackhaulLog
import BackhaulTestKit
import BackhaulUnits
import HTTPTypes
import Logging
import NIOCore
import Testing

@testable import BackhaulWeb

@Suite("Strangers on the network")
struct StrangerTests {
    private let start = ContinuousClock.now

    // MARK: Throttle

    @Test func throttleForgivesWithTime() {
        var throttle = FailureThrottle()
        let (here, there) = (ClientNetwork(v4: 1), ClientNetwork(v4: 2))
        for _ in 0..<1_000 { throttle.failed(here, start) }
        #expect(throttle.isThrottled(here, start) && !throttle.isThrottled(there, start))
        #expect(throttle.isThrottled(here, start + .seconds(20)))
        #expect(!throttle.isThrottled(here, start + .seconds(21)))
        throttle.failed(here, start + .seconds(21))
        #expect(throttle.isThrottled(here, start + .seconds(21)))
        // A clock that is read out of order changes nothing.
        #expect(throttle.isThrottled(here, start))
    }

    @Test func throttleIsBounded() {
        var throttle = FailureThrottle()
        for number in 0..<UInt32(3 * FailureThrottle.memory) {
            throttle.failed(ClientNetwork(v4: number), start)
        }
        let here = ClientNetwork(v4: 0)
        for _ in 0..<100 { throttle.failed(here, start) }
        #expect(throttle.isThrottled(here, start))
    }

    // MARK: Proxies

    /// Only what trusted proxies add counts; what a client writes itself stands before it.
    @Test(arguments: [
        ("192.0.2.7", ["198.51.100.1"], "192.0.2.7"), ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"), ("127.0.0.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9", "198.51.100.1 , 10.1.2.3"], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9,nonsense"], "127.0.0.1"), ("127.0.0.1", ["nonsense, 10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"), ("::1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("::1", ["2001:db8::1"], "2001:db8::1"), ("::ffff:127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["", ","], "127.0.0.1"), ("127.0.0.1", ["10.1.1.1,10.1.1.2"], "10.1.1.1"),
    ])
    func proxyNamesTheClient(_ peer: String, _ said: [String], _ client: String) throws {
        let name = try #require(HTTPField.Name("x-forwarded-for"))
        var headers = HTTPFields()
        for value in said { headers.append(HTTPField(name: name, value: value)) }
        let proxies = ["127.0.0.1", "::1", "10.0.0.0/8"].compactMap(AddressRange.init)
        let address = ClientAddress(
            peer: try SocketAddress(ipAddress: peer, port: 1), headers: headers, proxies: proxies)
        #expect(address.text == client)
        #expect(address.network == ClientNetwork(try SocketAddress(ipAddress: client, port: 2)))
    }

    /// Those who share a proxy do not share limits: the one that guesses is throttled, and its neighbour is not.
    @Test func guessesBehindAProxyAreThrottledByClient() async throws {
        let route = APIRoute(.get, "/now", .read) { _, _ in JSONAnswer.response(.ok, ["a": 1]) }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let server = WebServer(
            host: "127.0.0.1", port: 0, routes: [route], authenticator: Authenticator(isOn: true, tokens: []),
            meters: WebMeters(), connections: 40, proxies: ["127.0.0.1"].compactMap(AddressRange.init), logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            let port = try await server.waitUntilListening()
            func ask(_ client: RawClient, from address: String, times: Int = 1) {
                let request =
                    "GET /now HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: \(address)\r\nAuthorization: Bearer x\r\n\r\n"
                client.send(String(repeating: request, count: times))
            }
            func answers(_ client: RawClient, _ word: String) async -> Bool {
                await client.receive(seconds: 120) { $0.contains(" \(word) ") }.text.contains(" \(word) ")
            }
            // More connections than the half of all that one address may have; each is used at once.
            let many = try (0..<30).map { _ in try RawClient(port: port) }
            for (number, client) in many.enumerated() { ask(client, from: "198.51.100.\(100 + number)") }
            for client in many { #expect(await answers(client, "401")) }
            // In one go, so that time forgives nothing in between.
            let guesser = try RawClient(port: port)
            ask(guesser, from: "198.51.100.1", times: 3 * Int(FailureThrottle.burst))
            #expect(await answers(guesser, "429"))
            let neighbour = try RawClient(port: port)
            ask(neighbour, from: "198.51.100.2")
            #expect(await answers(neighbour, "401"))
            await server.stop(grace: .seconds(2))
            group.cancelAll()
        }
    }

    // MARK: Log of refusals

    /// However many refusals there are, from however many networks, the lines of a minute are bounded, and every
    /// refusal is logged or counted.
    @Test func floodOfRefusalsWritesFewLines() {
        var log = RefusalLog<RouteMiddleware.Log.Line>(perKey: 5, total: 200)
        var numbers = SeededNumbers(seed: 16)
        var (lines, omitted, total) = (0, 0, 0)
        for second in 0..<120 {
            for _ in 0..<500 {
                let network = ClientNetwork(v4: UInt32.random(in: 0..<50, using: &numbers))
                let key = RouteMiddleware.Log.Line(
                    network: network, code: ["a", "b"].randomElement(using: &numbers) ?? "a")
                total += 1
                guard let before = log.omitted(before: key, start + .seconds(second)) else { continue }
                lines += 1
                omitted += before
            }
        }
        #expect((200...400).contains(lines))
        #expect(omitted > 0 && lines + omitted <= total)
    }

    @Test func quietNetworkIsLoggedAgainAfterAFlood() {
        var log = RefusalLog<RouteMiddleware.Log.Line>(perKey: 5, total: 200)
        let key = RouteMiddleware.Log.Line(network: ClientNetwork(v4: 1), code: "unknown-token")
        let lines = (0..<100).compactMap { _ in log.omitted(before: key, start) }
        #expect(lines == [Int](repeating: 0, count: 5))
        #expect(log.omitted(before: key, start + .seconds(60)) == 95)
        #expect(log.omitted(before: key, start + .seconds(61)) == 0)
    }

    // MARK: Connections

    /// Whatever connections do: limits hold, a caller at work is never closed for another connection, and a new one is
    /// refused only when nothing is worth less.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func connectionLimitsHold(_ seed: UInt64) {
        struct Model {
            /// nil for a proxy's.
            var network: UInt32?
            var isProven = false
            var unanswered = 0
            var isBusy: Bool { unanswered > 0 }
            var tenant: ByteText?
            var isSafe: Bool { isProven && isBusy }
        }
        var numbers = SeededNumbers(seed: seed)
        let limits = ConnectionTable.Limits(total: 30, perNetwork: 12)
        var table = ConnectionTable(limits: limits)
        var open: [ConnectionTable.ID: Model] = [:]
        for step in 0..<5_000 {
            let time = start + .seconds(step)
            let known = open.keys.sorted().randomElement(using: &numbers)
            switch Int.random(in: 0..<10, using: &numbers) {
            case 0..<5:
                let number = UInt32.random(in: 0..<7, using: &numbers)
                let network = number == 6 ? nil : number
                let (id, closing) = table.opened(from: network.map(ClientNetwork.init(v4:)), time)
                open[id] = Model(network: network)
                guard let closing else { break }
                if closing == id {
                    let rivals = open.filter { $0.key != id && network != nil && $0.value.network == network }
                    let isFull = rivals.count == limits.perNetwork
                    let others = isFull ? rivals : open.filter { $0.key != id }
                    #expect(!others.contains { !$0.value.isSafe })
                } else {
                    #expect(open[closing].map { !$0.isSafe } ?? false)
                }
                open[closing] = nil
            case 5:
                guard let known else { break }
                table.began(known)
                open[known]?.unanswered += 1
            case 6:
                guard let known else { break }
                let tenant = (["a", "b", nil] as [ByteText?]).randomElement(using: &numbers) ?? nil
                let (isIn, closing) = table.proved(known, tenant: tenant, limit: 4)
                let rivals = open.filter { $0.key != known && tenant != nil && $0.value.tenant == tenant }
                if let closing {
                    #expect(rivals[closing].map { $0.isProven && !$0.isBusy } ?? false)
                    open[closing] = nil
                }
                if isIn {
                    open[known]?.isProven = true
                    open[known]?.tenant = tenant
                } else {
                    #expect(rivals.count >= 4 && rivals.values.allSatisfy(\.isSafe))
                }
            case 7, 8:
                guard let known else { break }
                table.answered(known, time)
                let rest = max(0, (open[known]?.unanswered ?? 0) - 1)
                open[known]?.unanswered = rest
            default:
                guard let known, Int.random(in: 0..<4, using: &numbers) == 0 else { break }
                table.closed(known)
                table.closed(known)
                open[known] = nil
            }
            #expect(table.count == open.count && table.count <= limits.total)
            let perNetwork = Dictionary(
                open.values.compactMap { $0.network.map { ($0, 1) } }, uniquingKeysWith: +)
            #expect(perNetwork.values.allSatisfy { $0 <= limits.perNetwork })
            let perTenant = Dictionary(open.values.compactMap { $0.tenant.map { ($0, 1) } }, uniquingKeysWith: +)
            #expect(perTenant.values.allSatisfy { $0 <= 4 })
        }
    }

    @Test func idleStrangersGiveWayOldestFirst() {
        var table = ConnectionTable(limits: .init(total: 3, perNetwork: 3))
        let caller = table.opened(from: ClientNetwork(v4: 1), start).id
        table.began(caller)
        #expect(table.proved(caller, tenant: nil, limit: 1).isIn)
        table.answered(caller, start + .seconds(9))
        let old = table.opened(from: ClientNetwork(v4: 2), start + .seconds(1)).id
        let new = table.opened(from: ClientNetwork(v4: 3), start + .seconds(2)).id
        table.began(old)
        #expect(table.opened(from: ClientNetwork(v4: 4), start + .seconds(3)).closing == new)
    }

    /// A client may send the next request before the answer: the connection is at work until the last answer.
    @Test func pipelinedRequestsKeepAConnection() {
        var table = ConnectionTable(limits: .init(total: 1, perNetwork: 1))
        let caller = table.opened(from: ClientNetwork(v4: 1), start).id
        table.began(caller)
        #expect(table.proved(caller, tenant: nil, limit: 0).isIn)
        table.began(caller)
        table.answered(caller, start)
        let stranger = table.opened(from: ClientNetwork(v4: 2), start)
        #expect(stranger.closing == stranger.id)
        table.answered(caller, start)
        #expect(table.opened(from: ClientNetwork(v4: 3), start).closing == caller)
    }

    /// A tenant's own idle connections give way to its new ones; when all are in use its requests are refused, and
    /// other tenants go on.
    @Test func tenantsConnectionsAreLimited() async throws {
        func token(_ tenant: ByteText) -> (text: String, token: APIToken) {
            let (text, hash) = APIToken.generate()
            return (text, APIToken(caller: Caller(name: "c", scopes: [.read], tenant: tenant), sha256: [hash]))
        }
        let (one, other) = (token("one"), token("other"))
        let release = Signal()
        let routes = [
            APIRoute(.get, "/now", .read) { _, _ in JSONAnswer.response(.ok, ["a": 1]) },
            APIRoute(.get, "/later", .read) { _, _ in
                await release.wait()
                return JSONAnswer.response(.ok, ["a": 1])
            },
        ]
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let server = WebServer(
            host: "127.0.0.1", port: 0, routes: routes,
            authenticator: Authenticator(isOn: true, tokens: [one.token, other.token]), meters: WebMeters(),
            quotas: { _ in TenantQuota(connections: 2) }, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            let port = try await server.waitUntilListening()
            func ask(_ client: RawClient, _ path: String, _ token: String) {
                client.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n\r\n")
            }
            func status(_ client: RawClient) async -> String {
                let answer = await client.receive(seconds: 60) { $0.contains("\r\n\r\n") }
                return answer.text.split(separator: " ").dropFirst().first.map(String.init) ?? "closed"
            }
            let idle = try RawClient(port: port)
            ask(idle, "/now", one.text)
            #expect(await status(idle) == "200")
            let busy = try [RawClient(port: port), RawClient(port: port)]
            for client in busy { ask(client, "/later", one.text) }
            #expect(await idle.receive(seconds: 60).isClosed, "the idle one gave way")
            let more = try RawClient(port: port)
            ask(more, "/now", one.text)
            #expect(await status(more) == "429")
            let neighbour = try RawClient(port: port)
            ask(neighbour, "/now", other.text)
            #expect(await status(neighbour) == "200")
            release.raise()
            for client in busy { #expect(await status(client) == "200") }
            ask(more, "/now", one.text)
            #expect(await status(more) == "200")
            await server.stop(grace: .seconds(2))
            group.cancelAll()
        }
    }

    // MARK: Web pages

    private func request(_ method: HTTPRequest.Method, _ authority: String?, _ fields: [(String, String)])
        -> HTTPRequest
    {
        var headers = HTTPFields()
        for (name, value) in fields {
            if let name = HTTPField.Name(name) { headers.append(HTTPField(name: name, value: value)) }
        }
        return HTTPRequest(
            method: method, scheme: "http", authority: authority, path: "/v1/tasks", headerFields: headers)
    }

    private static let json = [("Content-Type", "application/json"), ("Content-Length", "2")]

    @Test(arguments: [
        "127.0.0.1:8480", "localhost:8480", "LOCALHOST", "127.1.2.3", "[::1]:8480", "[::1]", "backhaul.localhost:1",
    ])
    func loopbackHostsAreAnswered(_ host: String) throws {
        try WebPageCheck.check(request(.get, host, []))
        try WebPageCheck.check(request(.post, host, Self.json))
        try WebPageCheck.check(request(.post, host, Self.json + [("Origin", "http://\(host)")]))
    }

    /// A name that leads to 127.0.0.1 is how a page gets past the same-origin policy (DNS rebinding).
    @Test(arguments: [
        "attacker.example:8480", "127.0.0.1.attacker.example", "localhost.attacker.example", "notlocalhost", "0.0.0.0",
        "127.0.0.256", "127.0.0", "192.168.1.1:8480", "[::2]:8480", "[fe80::1]", "", "127.0.0.1@attacker.example",
    ])
    func otherHostsAreRefused(_ host: String) {
        #expect(throws: Problem.self) { try WebPageCheck.check(request(.get, host, [])) }
    }

    @Test(arguments: [
        [("Origin", "http://attacker.example")], [("Origin", "null")], [("Origin", "http://127.0.0.1:8481")],
        [("Origin", "http://localhost:8480")], [("Origin", "http://127.0.0.1:8480"), ("Origin", "http://x.example")],
        [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")],
        [("Content-Type", "text/plain")], [("Content-Type", "application/x-www-form-urlencoded")],
        [("Content-Type", "multipart/form-data; boundary=x")], [("Content-Type", "text/plain; application/json")],
        [("Content-Length", "2")], [("Transfer-Encoding", "chunked")],
    ])
    func requestsOfWebPagesAreRefused(_ fields: [(String, String)]) {
        #expect(throws: Problem.self) { try WebPageCheck.check(request(.post, "127.0.0.1:8480", fields)) }
    }

    @Test(arguments: [
        [], [("Content-Length", "0")], [("Content-Type", "application/json; charset=utf-8")],
        [("Content-Type", "application/x-ndjson"), ("Transfer-Encoding", "chunked")], [("Sec-Fetch-Site", "none")],
        [("Sec-Fetch-Site", "same-origin"), ("Origin", "http://127.0.0.1:8480")],
    ])
    func requestsOfProgramsAreAnswered(_ fields: [(String, String)]) throws {
        try WebPageCheck.check(request(.post, "127.0.0.1:8480", fields))
    }

    // MARK: Streams

    /// A tenant with many callers has no more streams than one caller.
    @Test func streamsAreLimitedByTenantAndCaller() {
        let slots = StreamSlots(10, perHolder: 4)
        func caller(_ name: String, _ tenant: String?) -> Caller {
            Caller(name: name, scopes: [.read], tenant: tenant.map { .init($0) })
        }
        var held = (0..<10).compactMap { slots.enter(caller("camera-\($0)", "photos"), tenant: "photos") }
        #expect(held.count == 4)
        // A caller of that name elsewhere is another one.
        held += (0..<10).compactMap { _ in slots.enter(caller("camera-0", "videos"), tenant: "videos") }
        #expect(held.count == 8)
        held += (0..<10).compactMap { slots.enter(caller("root", nil), tenant: .init("t\($0)")) }
        #expect(held.count == 10)
        held = []
        #expect(slots.enter(caller("camera-0", "photos"), tenant: "photos") != nil)
    }
}
