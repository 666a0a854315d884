package import BackhaulFiles
internal import Synchronization

/// The bytes that a request sends.
package enum TransferBody: Sendable {
    case none
    /// Small files, read and hashed before.
    case bytes(LoadedBytes)
    /// Streamed while it is sent.
    case file(SourceFile)

    package var count: UInt64 {
        switch self {
        case .none: 0
        case .bytes(let loaded): UInt64(loaded.bytes.count)
        case .file(let file): file.size
        }
    }
}

/// What to do with the bytes of an answer.
package enum ResponseSink: Hashable, Sendable {
    /// Keep the first so many, drop the rest.
    case keep(Int)
    /// Hash them all: a read-back.
    case hash
}

/// How far a transfer has come, for whoever watches it.
package final class TransferProgress: Sendable {
    private let sent = Atomic<UInt64>(0)

    package init() {}

    /// Bytes of the body handed to the connection.
    package var bytesSent: UInt64 { sent.load(ordering: .relaxed) }

    func add(_ count: Int) { sent.add(UInt64(count), ordering: .relaxed) }
    func restart() { sent.store(0, ordering: .relaxed) }
}

/// One HTTP request to make.
package struct TransferRequest: Sendable {
    package var method: String
    package var url: String
    /// Name and value; checked against line breaks by the engine.
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

/// What came of a request.
package struct TransferReport: Sendable {
    /// The final status; nil when there was no answer.
    package var status: Int?
    /// Why the transfer ended without a whole answer.
    package var failure: TransferFailure?
    /// The final answer's headers, names lower-cased, in order.
    package var headers: [(name: String, value: String)]
    /// What the sink kept.
    package var body: [UInt8]
    /// Bytes of the body that were sent.
    package var bytesSent: UInt64
    /// SHA-256 of the body as sent, lower-case hex; nil when it was not read to its end.
    package var sha256: String?
    /// Bytes that came, and their SHA-256 when the sink hashes.
    package var bytesReceived: UInt64
    package var receivedSHA256: String?
    /// Whether the final status came before the whole body was handed over.
    package var isEarly: Bool
    /// Milliseconds that the server asked to wait.
    package var retryAfter: Int64?

    package init(
        status: Int? = nil, failure: TransferFailure? = nil, headers: [(name: String, value: String)] = [],
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

    /// The last header of that (lower-case) name.
    package func header(_ name: String) -> String? { headers.last { $0.name == name }?.value }
}
