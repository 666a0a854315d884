internal import Foundation
internal import Synchronization

/// A request, as read from its head.
package struct StubRequest: Sendable {
    package var method: String
    /// As sent, percent-encoding included.
    package var target: String
    /// Names lower-cased.
    package var headers: [String: String]
    /// The number of earlier requests for the same target, with any method.
    package var earlier: Int
    /// The number of earlier requests on this connection.
    package var earlierOnConnection: Int

    package var length: Int { headers["content-length"].flatMap { Int($0) } ?? 0 }
}

/// What the stub server does with a request.
package enum StubAnswer: Sendable {
    /// Reads the body, stores it, answers 201.
    case store(headers: [String: String] = [:])
    /// Reads the body, stores nothing, answers.
    case status(Int, headers: [String: String] = [:], body: String = "")
    /// Answers before it has read the body, then reads and drops it.
    case early(Int)
    /// Resets the connection after this many bytes of the body.
    case reset(after: Int)
    /// Stores the body, then closes without an answer.
    case loseReply
    /// Stores the body, answers 100, and closes.
    case endAfterInterim
    /// Stores the body, begins a 200 and resets before the response is complete.
    case breakAnswer
    /// Reads and sends nothing for this many seconds, then closes.
    case stall(Double)
    /// Stores a body that differs from the one sent, and answers 201.
    case corrupt
    /// Answers a GET or HEAD from what is stored.
    case fetch
    /// Reads the body slowly: waits this many seconds before each 64 KiB.
    case slow(Double)
    /// Stores the body, answers 201 and keeps the connection open, but closes it without a response to the next
    /// request.
    case storeThenDropNext
}

/// An HTTP server that misbehaves on demand: raw sockets, one thread per connection, every request counted. No
/// packaged server resets, stalls or corrupts on demand.
package final class StubServer: Sendable {
    private struct State {
        var objects: [String: [UInt8]] = [:]
        var counts: [String: Int] = [:]
        var requests: [StubRequest] = []
        var connections: Set<Int32> = []
        var isClosed = false
        var accepted = 0
    }

    package let port: Int
    private let listener: Int32
    private let folder: String?
    private let state = Mutex(State())
    private let answer: @Sendable (StubRequest) -> StubAnswer

    /// - Parameters:
    ///   - port: 0 for any free port.
    ///   - folder: where objects are stored; nil to keep them in memory.
    ///   - answer: decides on each request once its head is read.
    package init(port: Int = 0, folder: String? = nil, answer: @escaping @Sendable (StubRequest) -> StubAnswer) throws {
        self.folder = folder
        self.answer = answer
        signal(SIGPIPE, SIG_IGN)
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(listener, raw, size) == 0 && listen(listener, 512) == 0 && getsockname(listener, raw, &size) == 0
            }
        }
        guard bound else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        self.port = Int(in_port_t(bigEndian: address.sin_port))
        let thread = Thread { [self] in acceptLoop() }
        thread.start()
    }

    package var url: String { "http://127.0.0.1:\(port)/" }

    /// Every request whose head was read, in order.
    package var requests: [StubRequest] { state.withLock { $0.requests } }
    package var connectionCount: Int { state.withLock { $0.accepted } }

    /// The stored bodies, by target without the leading slash.
    package var objects: [String: [UInt8]] { state.withLock { $0.objects } }

    package func flip(_ name: String) {
        state.withLock { $0.objects[name]?[0] ^= 1 }
    }

    package func remove(_ name: String) {
        state.withLock { $0.objects[name] = nil }
    }

    /// Ends the server, once: later its descriptors' numbers may belong to others.
    package func close() {
        let open = state.withLock { state -> [Int32]? in
            if state.isClosed { return nil }
            state.isClosed = true
            return Array(state.connections)
        }
        guard let open else { return }
        for descriptor in open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        shutdown(listener, Int32(SHUT_RDWR))
        Foundation.close(listener)
    }

    private func acceptLoop() {
        while true {
            let descriptor = accept(listener, nil, nil)
            if descriptor < 0 {
                if state.withLock({ $0.isClosed }) { return }
                continue
            }
            let isOpen = state.withLock { state in
                guard !state.isClosed else { return false }
                state.connections.insert(descriptor)
                state.accepted += 1
                return true
            }
            guard isOpen else {
                Foundation.close(descriptor)
                return
            }
            let thread = Thread { [self] in
                StubConnection(descriptor: descriptor, server: self).serve()
                _ = state.withLock { $0.connections.remove(descriptor) }
                Foundation.close(descriptor)
            }
            thread.stackSize = 512 << 10
            thread.start()
        }
    }

    // MARK: For connections

    func decide(_ request: StubRequest) -> StubAnswer {
        let request = state.withLock { state in
            var request = request
            request.earlier = state.counts[request.target, default: 0]
            state.counts[request.target, default: 0] += 1
            state.requests.append(request)
            return request
        }
        return answer(request)
    }

    func put(_ bytes: [UInt8], at target: String) {
        let name = String(target.dropFirst())
        guard let folder else { return state.withLock { $0.objects[name] = bytes } }
        let path = folder + "/" + (name.removingPercentEncoding ?? name)
        let url = URL(fileURLWithPath: path)
        try? FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try? Data(bytes).write(to: url, options: .atomic)
    }

    func get(_ target: String) -> [UInt8]? {
        let name = String(target.dropFirst())
        guard let folder else { return state.withLock { $0.objects[name] } }
        return (try? Data(contentsOf: URL(fileURLWithPath: folder + "/" + (name.removingPercentEncoding ?? name)))).map
        { Array($0) }
    }
}
