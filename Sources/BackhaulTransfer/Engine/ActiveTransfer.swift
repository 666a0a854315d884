internal import BackhaulDomain
internal import BackhaulUnits
internal import CLibcurl
internal import Crypto
internal import Foundation

/// One transfer while libcurl works on it: the easy handle, the state of its callbacks, and the continuation of its
/// caller. Used on the loop's thread only; the engine retains it for exactly as long as its handle may call back.
final class ActiveTransfer {
    let id: UInt64
    let request: TransferRequest
    let host: String
    let egress: EgressPolicy
    let feeder: BodyFeeder
    let continuation: CheckedContinuation<TransferReport, any Error>
    private(set) var easy: OpaquePointer?
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private var commandList: UnsafeMutablePointer<curl_slist>?
    /// What libcurl says of a failure beyond its code.
    private let words = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    private var status: Int?
    private var headers: [(name: String, value: String)] = []
    private var headerBytes = 0
    private var body: [UInt8] = []
    private var received: UInt64 = 0
    private var receivedHash = SHA256()
    private var isEarly = false
    private var refused: IPAddress?
    /// Whether an allowed address was tried: its failure is then the one reported.
    private var hasTried = false

    /// What an SFTP server has of the body already.
    private var skipped = ByteCount.zero
    private var answerTimeout = Duration.zero
    /// When the last status line came.
    private var answeredAt: ContinuousClock.Instant?
    /// Whether the rest of the answer's body is not read.
    private var isCut = false
    /// Whether the answer's headers came too slowly.
    private var isSlow = false

    /// Maximum bytes of an answer that is not a download: no server explains an error in more.
    private static let largestAnswer = 1 << 20
    /// Maximum bytes of headers: more than any honest server sends.
    private static let largestHeaders = 64 << 10

    init(
        id: UInt64, request: TransferRequest, host: String, egress: EgressPolicy, feeder: BodyFeeder,
        continuation: CheckedContinuation<TransferReport, any Error>
    ) {
        self.id = id
        self.request = request
        self.host = host
        self.egress = egress
        self.feeder = feeder
        self.continuation = continuation
        words.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit { words.deallocate() }

    /// Prepares the easy handle for the multi.
    func prepare(_ limits: TransferLimits, handle: OpaquePointer) throws(TransferError) {
        easy = handle
        let raw = UnsafeMutableRawPointer(handle)
        let me = Unmanaged.passUnretained(self).toOpaque()
        var results: [CURLcode] = []
        func set(_ option: CURLoption, _ value: Int) { results.append(backhaul_set_long(raw, option, value)) }
        func set(_ option: CURLoption, _ value: String) { results.append(backhaul_set_text(raw, option, value)) }

        set(CURLOPT_URL, request.url)
        // A signature is of the path as it is.
        set(CURLOPT_PATH_AS_IS, 1)
        let protocols = request.sftp == nil ? "http,https" : "sftp"
        set(CURLOPT_PROTOCOLS_STR, protocols)
        set(CURLOPT_REDIR_PROTOCOLS_STR, protocols)
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
        // A proxy from the environment would see the traffic and hide the address from the egress check.
        set(CURLOPT_PROXY, "")
        set(CURLOPT_NOSIGNAL, 1)
        results.append(backhaul_set_pointer(raw, CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(words)))
        // HTTP/2 uploads of libcurl below 8.1 spin while the peer's window is closed, and may report a reset as
        // success.
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        set(CURLOPT_CONNECTTIMEOUT_MS, Int(clamping: limits.connectTimeout.inMilliseconds))
        // No limit on a download's time: its size is not known.
        if case .keep = request.sink {
            set(CURLOPT_TIMEOUT_MS, Int(clamping: limits.time(for: request.body.size).inMilliseconds))
        }
        answerTimeout = max(limits.answerTimeout, request.patience)
        set(CURLOPT_LOW_SPEED_LIMIT, limits.stallBytesPerSecond.count)
        let stallTimeout = max(limits.stallTimeout, request.patience)
        set(CURLOPT_LOW_SPEED_TIME, max(1, Int(clamping: stallTimeout.components.seconds)))
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        // Debian's libcurl trusts its folder of authorities besides this file.
        if let authorities = request.tls.authorities ?? limits.authorities { set(CURLOPT_CAINFO, authorities) }
        if let certificate = request.tls.certificate, let key = request.tls.key {
            set(CURLOPT_SSLCERT, certificate)
            set(CURLOPT_SSLKEY, key)
        }
        set(CURLOPT_USERAGENT, "backhaul")
        if let login = request.login {
            results.append(backhaul_set_digest(raw))
            set(CURLOPT_USERNAME, login.user)
            set(CURLOPT_PASSWORD, login.password)
        }

        if let sftp = request.sftp {
            try setSFTP(sftp, limits, raw, &results)
        } else {
            try setHTTP(raw, &results)
        }

        results.append(backhaul_set_data_function(raw, CURLOPT_READFUNCTION, readCallback))
        results.append(backhaul_set_pointer(raw, CURLOPT_READDATA, me))
        results.append(backhaul_set_seek_function(raw, seekCallback))
        results.append(backhaul_set_pointer(raw, CURLOPT_SEEKDATA, me))
        results.append(backhaul_set_data_function(raw, CURLOPT_WRITEFUNCTION, writeCallback))
        results.append(backhaul_set_pointer(raw, CURLOPT_WRITEDATA, me))
        results.append(backhaul_set_data_function(raw, CURLOPT_HEADERFUNCTION, headerCallback))
        results.append(backhaul_set_pointer(raw, CURLOPT_HEADERDATA, me))
        results.append(backhaul_set_socket_function(raw, socketCallback))
        results.append(backhaul_set_pointer(raw, CURLOPT_OPENSOCKETDATA, me))
        results.append(backhaul_set_prereq_function(raw, prereqCallback))
        results.append(backhaul_set_pointer(raw, CURLOPT_PREREQDATA, me))
        results.append(backhaul_set_pointer(raw, CURLOPT_PRIVATE, me))
        guard let failed = results.first(where: { $0 != CURLE_OK }) else { return }
        throw .internalError("libcurl refused an option: \(String(cString: curl_easy_strerror(failed)))")
    }

    private func setHTTP(_ raw: UnsafeMutableRawPointer, _ results: inout [CURLcode]) throws(TransferError) {
        func set(_ option: CURLoption, _ value: Int) { results.append(backhaul_set_long(raw, option, value)) }
        func set(_ option: CURLoption, _ value: String) { results.append(backhaul_set_text(raw, option, value)) }
        switch request.body {
        case .none:
            if request.method == "HEAD" {
                set(CURLOPT_NOBODY, 1)
            } else if request.method == "GET" {
                set(CURLOPT_HTTPGET, 1)
            } else {
                results.append(backhaul_set_offset(raw, CURLOPT_INFILESIZE_LARGE, 0))
                set(CURLOPT_UPLOAD, 1)
            }
        case .bytes, .file, .slice:
            set(CURLOPT_UPLOAD, 1)
            results.append(
                backhaul_set_offset(raw, CURLOPT_INFILESIZE_LARGE, curl_off_t(clamping: request.body.size.bytes)))
            set(CURLOPT_UPLOAD_BUFFERSIZE, feeder.chunkSize)
        }
        set(CURLOPT_CUSTOMREQUEST, request.method)
        try setHeaders(raw, &results)
    }

    private func setSFTP(
        _ sftp: SFTPRequest, _ limits: TransferLimits, _ raw: UnsafeMutableRawPointer, _ results: inout [CURLcode]
    ) throws(TransferError) {
        func set(_ option: CURLoption, _ value: Int) { results.append(backhaul_set_long(raw, option, value)) }
        func set(_ option: CURLoption, _ value: String) { results.append(backhaul_set_text(raw, option, value)) }
        let login = sftp.login
        // Without one of them libcurl would talk to any server.
        guard login.hostKey != nil || login.knownHosts != nil else {
            throw .internalError("the server's key is not known")
        }
        if let hostKey = login.hostKey { set(CURLOPT_SSH_HOST_PUBLIC_KEY_SHA256, hostKey) }
        if let knownHosts = login.knownHosts { set(CURLOPT_SSH_KNOWNHOSTS, knownHosts) }
        set(CURLOPT_USERNAME, login.user)
        var ways = 0
        if let password = login.password {
            set(CURLOPT_PASSWORD, password)
            ways |= Int(CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD)
        }
        if let keyFile = login.keyFile {
            set(CURLOPT_SSH_PRIVATE_KEYFILE, keyFile)
            // libssh2 derives the public key.
            set(CURLOPT_SSH_PUBLIC_KEYFILE, "")
            ways |= Int(CURLSSH_AUTH_PUBLICKEY)
        }
        if let passphrase = login.passphrase { set(CURLOPT_KEYPASSWD, passphrase) }
        if login.usesAgent { ways |= Int(CURLSSH_AUTH_AGENT) }
        set(CURLOPT_SSH_AUTH_TYPES, ways)
        switch sftp.action {
        case .look:
            set(CURLOPT_NOBODY, 1)
            // The limit on stalls is for bodies alone.
            set(CURLOPT_TIMEOUT_MS, Int(clamping: (limits.connectTimeout + limits.stallTimeout).inMilliseconds))
        case .read: break
        case .write(let from):
            set(CURLOPT_UPLOAD, 1)
            // libcurl counts what the file has as a part of the body, and skips it by seeking.
            let size = from + request.body.size
            results.append(backhaul_set_offset(raw, CURLOPT_INFILESIZE_LARGE, curl_off_t(clamping: size.bytes)))
            if from > .zero {
                results.append(backhaul_set_offset(raw, CURLOPT_RESUME_FROM_LARGE, curl_off_t(clamping: from.bytes)))
            }
            skipped = from
            // libssh2 has a window of its own; a smaller buffer leaves it empty.
            set(CURLOPT_UPLOAD_BUFFERSIZE, 256 << 10)
        }
        for command in sftp.commands {
            guard !command.utf8.contains(0) else { throw .badURL("a path has a zero byte in it") }
            guard let longer = curl_slist_append(commandList, command) else { throw .internalError("out of memory") }
            commandList = longer
        }
        if commandList != nil { results.append(backhaul_set_pointer(raw, CURLOPT_QUOTE, commandList)) }
    }

    private func setHeaders(_ raw: UnsafeMutableRawPointer, _ results: inout [CURLcode]) throws(TransferError) {
        var lines = request.headers.map { header in
            // Only this form sends an empty value; "Name:" would remove the header.
            header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)"
        }
        // Waiting for a 100 costs a round trip: too much for a small body, but an early refusal saves a large one.
        if request.body.size <= ByteCount(1 << 20) { lines.append("Expect:") }
        for line in lines {
            guard !line.utf8.contains(where: { $0 == 10 || $0 == 13 || $0 == 0 }) else {
                throw .badURL("a header value has a line break in it")
            }
            guard let longer = curl_slist_append(headerList, line) else { throw .internalError("out of memory") }
            headerList = longer
        }
        results.append(backhaul_set_pointer(raw, CURLOPT_HTTPHEADER, headerList))
    }

    /// Frees what belongs to the handle, once it is removed from the multi.
    /// - Returns: the handle, reset for reuse.
    func release() -> OpaquePointer? {
        if let easy { curl_easy_reset(UnsafeMutableRawPointer(easy)) }
        defer { easy = nil }
        curl_slist_free_all(headerList)
        headerList = nil
        curl_slist_free_all(commandList)
        commandList = nil
        return easy
    }

    /// The report, after libcurl has finished with the handle.
    func report(_ result: CURLcode) -> TransferReport {
        var report = TransferReport()
        report.status = status
        report.headers = headers
        report.body = body
        report.bytesReceived = ByteCount(received)
        report.isEarly = isEarly
        report.sha256 = feeder.sha256
        if case .hash = request.sink { report.receivedSHA256 = Hex.encode(receivedHash.finalize()) }
        if let easy {
            let raw = UnsafeMutableRawPointer(easy)
            var sent: curl_off_t = 0
            _ = backhaul_get_offset(raw, CURLINFO_SIZE_UPLOAD_T, &sent)
            report.bytesSent = ByteCount(clamping: sent)
            var wait: curl_off_t = 0
            _ = backhaul_get_offset(raw, CURLINFO_RETRY_AFTER, &wait)
            if request.sftp?.action == .look {
                var size: curl_off_t = -1
                _ = backhaul_get_offset(raw, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size)
                if size >= 0 { report.remoteSize = ByteCount(clamping: size) }
            }
            // The server may send any number; the wait is capped at a year.
            if wait > 0 { report.retryAfter = Duration.seconds(min(Int64(wait), 366 * 86_400)) }
        }
        // libcurl takes a connection that ends behind a 100 for an answer.
        if let interim = report.status, interim < 200 {
            report.status = nil
            report.failure = .broken("the connection ended before the answer")
        }
        if isSlow {
            report.failure = .timedOut("the answer did not end within \(answerTimeout.components.seconds) s")
        } else if result != CURLE_OK, !isCut {
            let refused = hasTried ? nil : refused
            report.failure =
                request.sftp == nil
                ? CurlFailure.explain(result, feeder: feeder.failure, refused: refused)
                : CurlFailure.explainSFTP(
                    result, feeder: feeder.failure, refused: refused, words: String(cString: words))
        }
        return report
    }

    // MARK: Callbacks of libcurl

    fileprivate func read(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        switch feeder.take(into: buffer) {
        case .bytes(let count): count
        case .paused: Int(CURL_READFUNC_PAUSE)
        case .failed: Int(CURL_READFUNC_ABORT)
        }
    }

    fileprivate func seek(_ offset: curl_off_t) -> Int32 {
        // The body begins behind what the server has.
        if skipped > .zero, ByteCount(clamping: offset) == skipped { return Int32(CURL_SEEKFUNC_OK) }
        guard offset == 0 else { return Int32(CURL_SEEKFUNC_FAIL) }
        feeder.rewind()
        return Int32(CURL_SEEKFUNC_OK)
    }

    fileprivate func header(_ line: UnsafeRawBufferPointer) -> Int {
        headerBytes += line.count
        guard headerBytes <= Self.largestHeaders else { return 0 }
        switch HeaderLine(line) {
        case .status(let code):
            // Each response starts with no headers: interim ones (1xx) come first.
            headers = []
            status = code
            answeredAt = .now
            if let status, status >= 200 { isEarly = !feeder.isDrained }
            // An early 2xx or 3xx proves nothing, and libcurl would keep the connection, on which the server still
            // waits for the rest of this body. Ending the transfer here closes it. (From 400 on, libcurl does.)
            if let status, isEarly, (200..<400).contains(status) { return 0 }
        case .field(let name, let value): headers.append((name, value))
        case .other: break
        }
        if let answeredAt, .now - answeredAt > answerTimeout {
            isSlow = true
            return 0
        }
        return line.count
    }

    fileprivate func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        received += UInt64(bytes.count)
        switch request.sink {
        case .keep(let limit):
            if body.count < limit.count { body.append(contentsOf: bytes.prefix(limit.count - body.count)) }
            // The status says what has happened. Ending the transfer closes the connection.
            if received > Self.largestAnswer || answeredAt.map({ .now - $0 > answerTimeout }) ?? false {
                isCut = true
                return 0
            }
        case .hash: receivedHash.update(bufferPointer: bytes)
        }
        return bytes.count
    }

    fileprivate func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        let ip = withUnsafePointer(to: &address.pointee.addr) { IPAddress($0, length: Int(address.pointee.addrlen)) }
        // After a refused address, libcurl tries the host's next one.
        guard let ip, egress.allows(ip) else {
            refused = ip ?? .v4(0)
            return curl_socket_t(-1)
        }
        hasTried = true
        return socket(
            address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
    }

    /// Called for every request, also on a reused connection.
    fileprivate func mayRequest(_ ip: String) -> Bool {
        guard let address = IPAddress(text: ip), egress.allows(address) else {
            refused = IPAddress(text: ip) ?? .v4(0)
            hasTried = false
            return false
        }
        return true
    }

    static func from(_ pointer: UnsafeMutableRawPointer) -> ActiveTransfer {
        Unmanaged<ActiveTransfer>.fromOpaque(pointer).takeUnretainedValue()
    }
}

// C function pointers: they use only the transfer that is passed to them, and never throw.

private let readCallback: backhaul_data_function = { buffer, size, count, me in
    guard let me, let buffer else { return Int(CURL_READFUNC_ABORT) }
    return ActiveTransfer.from(me).read(UnsafeMutableRawBufferPointer(start: buffer, count: size * count))
}

private let writeCallback: backhaul_data_function = { buffer, size, count, me in
    guard let me, let buffer else { return 0 }
    return ActiveTransfer.from(me).write(UnsafeRawBufferPointer(start: buffer, count: size * count))
}

private let headerCallback: backhaul_data_function = { buffer, size, count, me in
    guard let me, let buffer else { return 0 }
    return ActiveTransfer.from(me).header(UnsafeRawBufferPointer(start: buffer, count: size * count))
}

private let seekCallback: backhaul_seek_function = { me, offset, origin in
    guard let me, origin == SEEK_SET else { return Int32(CURL_SEEKFUNC_FAIL) }
    return ActiveTransfer.from(me).seek(offset)
}

private let socketCallback: backhaul_socket_function = { me, _, address in
    guard let me, let address else { return curl_socket_t(-1) }
    return ActiveTransfer.from(me).openSocket(address)
}

private let prereqCallback: backhaul_prereq_function = { me, primary, _, _, _ in
    guard let me, let primary else { return Int32(CURL_PREREQFUNC_ABORT) }
    return ActiveTransfer.from(me).mayRequest(String(cString: primary))
        ? Int32(CURL_PREREQFUNC_OK) : Int32(CURL_PREREQFUNC_ABORT)
}
