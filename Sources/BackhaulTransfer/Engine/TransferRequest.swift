package import BackhaulFiles
internal import Synchronization

/// The bytes that a request sends.
package enum TransferBody: Sendable {
    case none
    /// A small file, read and hashed beforehand.
    case bytes(LoadedBytes)
    /// A file that is read while it is sent.
    case file(SourceFile)

    package var count: UInt64 {
        switch self {
        case .none: 0
        case .bytes(let loaded): UInt64(loaded.bytes.count)
        case .file(let file): file.size
        }
    }
}

/// What to do with the bytes of a response.
package enum ResponseSink: Hashable, Sendable {
    /// Keeps this many bytes from the start and drops the rest.
    case keep(Int)
    /// Hashes all bytes: a read-back.
    case hash
}

/// The progress of a transfer, readable from any thread.
package final class TransferProgress: Sendable {
    private let sent = Atomic<UInt64>(0)

    package init() {}

    /// Bytes of the body handed to libcurl.
    package var bytesSent: UInt64 { sent.load(ordering: .relaxed) }

    func add(_ count: Int) { sent.add(UInt64(count), ordering: .relaxed) }
    func restart() { sent.store(0, ordering: .relaxed) }
}

/// One HTTP request to make.
package struct TransferRequest: Sendable {
    package var method: String
    package var url: String
    /// Name and value; the engine refuses line breaks in them.
    package var headers: [(name: String, value: String)]
    package var body: TransferBody
    package var sink: ResponseSink
    package var progress: TransferProgress?

    package init(
        method: String, url: String, headers: [(name: String, value: String)] = [], body: TransferBody = .none,
        sink: ResponseSink = .keep(4_096), progress: TransferProgress? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.sink = sink
        self.progress = progress
    }
}

/// The result of a request.
package struct TransferReport: Sendable {
    /// The final status; nil without a response.
    package var status: Int?
    /// Why the transfer ended without a complete response.
    package var failure: TransferError?
    /// The final response's headers in order, with lower-case names.
    package var headers: [(name: String, value: String)]
    /// The bytes that the sink kept.
    package var body: [UInt8]
    /// Bytes of the body that were sent.
    package var bytesSent: UInt64
    /// SHA-256 of the body as sent, lower-case hex; nil when the body was not read to its end.
    package var sha256: String?
    /// Bytes received, and their SHA-256 in lower-case hex when the sink hashes.
    package var bytesReceived: UInt64
    package var receivedSHA256: String?
    /// Whether the final status came before the whole body was handed to libcurl.
    package var isEarly: Bool
    /// Milliseconds that the server requests to wait (`Retry-After`).
    package var retryAfter: Int64?

    package init(
        status: Int? = nil, failure: TransferError? = nil, headers: [(name: String, value: String)] = [],
        body: [UInt8] = [], bytesSent: UInt64 = 0, sha256: String? = nil, bytesReceived: UInt64 = 0,
        receivedSHA256: String? = nil, isEarly: Bool = false, retryAfter: Int64? = nil
    ) {
        self.status = status
        self.failure = failure
        self.headers = headers
        self.body = body
        self.bytesSent = bytesSent
        self.sha256 = sha256
        self.bytesReceived = bytesReceived
        self.receivedSHA256 = receivedSHA256
        self.isEarly = isEarly
        self.retryAfter = retryAfter
    }

    /// The last header with this lower-case name.
    package func header(_ name: String) -> String? { headers.last { $0.name == name }?.value }
}
