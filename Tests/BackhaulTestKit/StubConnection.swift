internal import Foundation

/// One connection of a stub server, on a thread of its own.
struct StubConnection {
    let descriptor: Int32
    let server: StubServer

    func serve() {
        var buffer: [UInt8] = []
        var count = 0
        var dropsNext = false
        while let head = readHead(&buffer) {
            guard var request = Self.parse(head) else { return }
            request.earlierOnConnection = count
            count += 1
            let answer = server.decide(request)
            if dropsNext { return }
            if request.headers["expect"] != nil, !Self.refuses(answer) { send("HTTP/1.1 100 Continue\r\n\r\n") }
            switch answer {
            case .store(let headers):
                guard let body = readBody(request, &buffer) else { return }
                server.put(body, at: request.target)
                reply(201, headers)
            case .storeThenDropNext:
                guard let body = readBody(request, &buffer) else { return }
                server.put(body, at: request.target)
                reply(201, [:])
                dropsNext = true
            case .corrupt:
                guard var body = readBody(request, &buffer) else { return }
                if !body.isEmpty { body[body.count / 2] ^= 1 }
                server.put(body, at: request.target)
                reply(201, [:])
            case .status(let status, let headers, let text):
                guard readBody(request, &buffer) != nil else { return }
                reply(status, headers, text)
            case .early(let status):
                reply(status, [:])
                guard readBody(request, &buffer) != nil else { return }
            case .reset(let after):
                _ = readBody(request, &buffer, limit: after)
                return reset()
            case .loseReply:
                guard let body = readBody(request, &buffer) else { return }
                server.put(body, at: request.target)
                return
            case .endAfterInterim:
                guard let body = readBody(request, &buffer) else { return }
                server.put(body, at: request.target)
                send("HTTP/1.1 100 Continue\r\n\r\n")
                return
            case .breakAnswer:
                guard let body = readBody(request, &buffer) else { return }
                server.put(body, at: request.target)
                send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                return reset()
            case .stall(let seconds):
                // Ends early when the peer closes.
                var descriptors = [pollfd(fd: descriptor, events: 0x2000, revents: 0)]
                poll(&descriptors, 1, Int32(seconds * 1_000))
                return
            case .slow(let seconds):
                guard let body = readBody(request, &buffer, pause: seconds) else { return }
                server.put(body, at: request.target)
                reply(201, [:])
            case .fetch:
                guard let body = server.get(request.target) else {
                    reply(404, [:])
                    continue
                }
                send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
                if request.method != "HEAD" { send(body) }
            }
        }
    }

    private static func refuses(_ answer: StubAnswer) -> Bool {
        switch answer {
        case .status, .early, .stall: true
        default: false
        }
    }

    private func readHead(_ buffer: inout [UInt8]) -> String? {
        let end: [UInt8] = [13, 10, 13, 10]
        while true {
            if buffer.count >= 4, let index = (0...buffer.count - 4).first(where: { Array(buffer[$0..<$0 + 4]) == end })
            {
                let head = String(decoding: buffer[..<index], as: UTF8.self)
                buffer.removeFirst(index + 4)
                return head
            }
            guard buffer.count < 64 << 10, fill(&buffer) else { return nil }
        }
    }

    private static func parse(_ head: String) -> StubRequest? {
        let lines = head.split(separator: "\r\n")
        let parts = (lines.first ?? "").split(separator: " ")
        guard parts.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
                in: .whitespaces)
        }
        return StubRequest(
            method: String(parts[0]), target: String(parts[1]), headers: headers, earlier: 0, earlierOnConnection: 0)
    }

    /// The body, or its first `limit` bytes; nil when the peer closed before.
    private func readBody(_ request: StubRequest, _ buffer: inout [UInt8], limit: Int = .max, pause: Double = 0)
        -> [UInt8]?
    {
        let wanted = min(request.length, limit)
        while buffer.count < wanted {
            if pause > 0 { Thread.sleep(forTimeInterval: pause) }
            guard fill(&buffer) else { return nil }
        }
        let body = Array(buffer.prefix(wanted))
        buffer.removeFirst(wanted)
        return body
    }

    private func fill(_ buffer: inout [UInt8]) -> Bool {
        let chunk = [UInt8](unsafeUninitializedCapacity: 64 << 10) { bytes, count in
            count = max(0, recv(descriptor, bytes.baseAddress, 64 << 10, 0))
        }
        buffer += chunk
        return !chunk.isEmpty
    }

    private func reply(_ status: Int, _ headers: [String: String], _ body: String = "") {
        var text = "HTTP/1.1 \(status) Stub\r\nContent-Length: \(body.utf8.count)\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        send(text + "\r\n" + body)
    }

    private func send(_ text: String) { send(Array(text.utf8)) }

    private func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Foundation.send(
                    descriptor, buffer.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Makes the close send a TCP reset.
    private func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
}
