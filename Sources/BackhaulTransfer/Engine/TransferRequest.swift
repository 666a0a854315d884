package import BackhaulFiles
package import BackhaulUnits
internal import Synchronization

/// The bytes that a request sends.
package enum TransferBody: Sendable {
    case none
    /// A small file, read and hashed beforehand.
    case bytes(LoadedBytes)
    /// A file that is read while it is sent.
    case file(SourceFile)
    /// A part of a file that is read while it is sent.
    case slice(FileSlice)

    package var size: ByteCount {
        switch self {
        case .none: .zero
        case .bytes(let loaded): ByteCount(clamping: loaded.bytes.count)
        case .file(let file): file.size
        case .slice(let slice): slice.size
        }
    }

    /// The file that is read while the body is sent; nil for one in memory.
    package var file: SourceFile? {
        switch self {
        case .none, .bytes: nil
        case .file(let file): file
        case .slice(let slice): slice.file
        }
    }

    /// What a copy keeps of the file; nil for bytes that are not from a file.
    package var attributes: FileAttributes? {
        switch self {
        case .none: nil
        case .bytes(let loaded): loaded.attributes
        case .file(let file): file.attributes
        case .slice(let slice): slice.file.attributes
        }
    }
}

/// What to do with the bytes of a response.
package enum ResponseSink: Hashable, Sendable {
    /// Keeps this much from the start and drops the rest.
    case keep(ByteCount)
    /// Hashes all bytes: a read-back.
    case hash
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
    package var tls: TransferTLS
    /// The headers in place of `headers` once the request has waited so long for its turn: a signature has a time. nil
    /// for a request that is not signed.
    package var sign: (@Sendable (_ waited: Duration) -> [(name: String, value: String)])?
    /// How long the server may be silent, and take for its answer, where that is longer than the engine's limits.
    package var patience = Duration.zero
    /// For digest authentication; nil for none.
    package var login: TransferLogin?
    /// Not nil for a request to an SFTP server.
    package var sftp: SFTPRequest?
    /// Tells the reports of steps that run together.
    package var tag = 0

    package init(
        method: String, url: String, headers: [(name: String, value: String)] = [], body: TransferBody = .none,
        sink: ResponseSink = .keep(ByteCount(4_096)), progress: TransferProgress? = nil,
        tls: TransferTLS = TransferTLS()
    ) {
        self.tls = tls
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
    /// The part of the body that was sent.
    package var bytesSent: ByteCount
    /// SHA-256 of the body as sent, lower-case hex; nil when the body was not read to its end.
    package var sha256: String?
    /// Bytes received, and their SHA-256 in lower-case hex when the sink hashes.
    package var bytesReceived: ByteCount
    package var receivedSHA256: String?
    /// Whether the final status came before the whole body was handed to libcurl.
    package var isEarly: Bool
    /// The wait that the server requests (`Retry-After`).
    package var retryAfter: Duration?
    /// The size of a file at an SFTP server; nil where it was not found out.
    package var remoteSize: ByteCount?
    /// Of a part of the source that was hashed.
    package var digest: PartDigest?
    /// The tag of the step.
    package var tag = 0

    package init(
        status: Int? = nil, failure: TransferError? = nil, headers: [(name: String, value: String)] = [],
        body: [UInt8] = [], bytesSent: ByteCount = .zero, sha256: String? = nil, bytesReceived: ByteCount = .zero,
        receivedSHA256: String? = nil, isEarly: Bool = false, retryAfter: Duration? = nil
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

    /// The status that says what has become of the request, also where the connection broke behind it; nil without one.
    package var answered: Int? {
        guard let status else { return nil }
        // What is left of a refusal when its connection breaks is a refusal; of a success, nobody knows.
        if case .broken = failure, status >= 400 { return status }
        return failure == nil ? status : nil
    }

    /// The last header with this lower-case name.
    package func header(_ name: String) -> String? { headers.last { $0.name == name }?.value }
}
