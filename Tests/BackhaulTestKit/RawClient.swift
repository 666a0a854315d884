import Dispatch
import Foundation

/// A TCP client that sends exactly the given text, at the pace that a test sets.
public final class RawClient: @unchecked Sendable {
    /// Used by one thread at a time.
    private let descriptor: Int32

    public struct Failure: Error {
        public var what: String
    }

    /// Connects to a port of 127.0.0.1.
    public init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard result == 0 else { throw Failure(what: "connect: \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    /// - Returns: whether the socket accepted all bytes.
    @discardableResult
    public func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    /// Receives until the peer closes, nothing arrives for `seconds`, or `isEnough` is true.
    public func receive(
        seconds: Int, until isEnough: @escaping @Sendable (String) -> Bool = { _ in false }
    ) async -> (text: String, isClosed: Bool) {
        // On a thread of its own, because `recv` blocks.
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "backhaul.test.raw").async {
                continuation.resume(returning: self.read(seconds, isEnough))
            }
        }
    }

    private func read(_ seconds: Int, _ isEnough: (String) -> Bool) -> (text: String, isClosed: Bool) {
        var timeout = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                all += buffer.prefix(count)
                let text = String(decoding: all, as: UTF8.self)
                if isEnough(text) { return (text, false) }
            } else {
                let isClosed = count == 0 || errno == ECONNRESET
                return (String(decoding: all, as: UTF8.self), isClosed)
            }
        }
    }
}
