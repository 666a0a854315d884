internal import BackhaulDomain
internal import BackhaulFiles
package import BackhaulTransfer
package import BackhaulUnits
internal import Foundation

/// Uploads a file by tus 1.0.0: creation, whose URL is saved for another attempt; then the bytes, behind what the
/// server has, in parts where it checks their sums or limits requests.
///
/// A small file goes along with its creation (extension `creation-with-upload`); a server that does not know that
/// leaves its bytes alone, and gets them by the next request.
package struct TusUpload: Dialect {
    private enum State {
        /// Asks what the server can.
        case discovering
        case creating(hasBody: Bool)
        case saving
        /// Asks what the server has. `from` is what it had before; nil at first.
        case seeking(from: ByteCount?)
        /// Hashes what the server has.
        case hashing(from: ByteCount)
        /// Hashes the next part.
        case digesting(from: ByteCount, to: ByteCount)
        case sending(from: ByteCount, to: ByteCount)
        case reading
    }

    private let destination: TusDestination
    private let key: String
    private let body: TransferBody
    private let contentType: String
    private var state = State.discovering
    private var url = ""
    /// SHA-256 of the whole file, once it is known.
    private var whole: String?
    /// How far the file is hashed.
    private var hashed = ByteCount.zero
    private var checksAll = true
    private var checksSums = false
    private var hasCreatedAgain = false

    /// A file of this size goes along with its creation: to send it again costs no more than to ask.
    static let largestAtOnce = ByteCount(1 << 20)
    private static let checkedPart = ByteCount(64 << 20)

    package init(destination: TusDestination, key: String, body: TransferBody, contentType: String) {
        self.destination = destination
        self.key = key
        self.body = body
        self.contentType = contentType.isEmpty ? "application/octet-stream" : contentType
        if case .bytes(let loaded) = body { whole = loaded.sha256 }
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        guard body.size > Self.largestAtOnce, body.file != nil else { return create(hasBody: body.size > .zero) }
        if let state = start.state.flatMap(TusUploadState.init), state.place == destination.base.url,
            let url = try? destination.upload(at: state.upload)
        {
            self.url = url
        }
        state = .discovering
        return .request(destination.base.request("OPTIONS", destination.base.url))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        switch state {
        case .discovering: return isDiscovered(report)
        case .creating(let hasBody): return isCreated(report, hasBody: hasBody)
        case .saving: return send(from: .zero)
        case .seeking(let from): return isSought(report, from)
        case .hashing(let from):
            guard let digest = report.digest else { return .failed(Failure(.transient, "the file was not hashed")) }
            note(digest, to: from)
            return send(from: from)
        case .digesting(let from, let to):
            guard let digest = report.digest else { return .failed(Failure(.transient, "the file was not hashed")) }
            note(digest, to: to)
            return send(from: from, to: to, sha256: digest.sha256)
        case .sending(let from, let to): return isSent(report, from, to)
        case .reading: return isRead(report)
        }
    }

    private mutating func note(_ digest: PartDigest, to: ByteCount) {
        hashed = max(hashed, to)
        whole = whole ?? digest.whole
    }

    // MARK: Creation

    private mutating func isDiscovered(_ report: TransferReport) -> Step {
        // A server need not answer: it is told what is wrong by the next request.
        if report.failure == nil, (200..<300).contains(report.status ?? 0) {
            let sums = report.header("tus-checksum-algorithm")?.split(separator: ",") ?? []
            checksSums = sums.contains { $0.trimmingCharacters(in: .whitespaces).lowercased() == "sha256" }
            if let largest = report.header("tus-max-size").flatMap({ UInt64($0) }), largest > 0,
                body.size.bytes > largest
            {
                return .failed(
                    Failure(.permanent, "the server takes files of up to \(largest) bytes, this one has \(body.size)"))
            }
        }
        return url.isEmpty ? create(hasBody: false) : seek(nil)
    }

    private mutating func create(hasBody: Bool) -> Step {
        state = .creating(hasBody: hasBody)
        var headers = [(name: "Upload-Length", value: "\(body.size)"), (name: "Upload-Metadata", value: metadata)]
        if hasBody { headers.append(("Content-Type", Self.mediaType)) }
        return .request(
            destination.request("POST", destination.base.url, headers: headers, body: hasBody ? body : .none))
    }

    private static let mediaType = "application/offset+octet-stream"

    /// `filename` and `filetype` are what servers look for; `path` has the whole key.
    private var metadata: String {
        let name = key.split(separator: "/").last.map(String.init) ?? key
        var pairs = [("filename", name), ("filetype", contentType), ("path", key)]
        if let modifiedAt = body.attributes?.modifiedAt { pairs.append(("mtime", "\(modifiedAt.parts.seconds)")) }
        return pairs.map { "\($0) \(Data($1.utf8).base64EncodedString())" }.joined(separator: ",")
    }

    private mutating func isCreated(_ report: TransferReport, hasBody: Bool) -> Step {
        // Without the extension a POST has no body: some servers refuse one.
        if hasBody, let status = report.answered, [400, 405, 411, 415, 501].contains(status) {
            return create(hasBody: false)
        }
        if let failure = TusAnswer.failure(report, doing: "creating the upload") { return .failed(failure) }
        guard let location = report.header("location") else {
            return .failed(
                Failure(
                    .permanent,
                    "the server answered \(report.status ?? 0) without a Location; is url where it creates "
                        + "uploads?", httpStatus: report.status))
        }
        do {
            url = try destination.upload(at: location)
        } catch {
            return .failed(error)
        }
        // Complete at once.
        if body.size == .zero { return store() }
        guard body.size > Self.largestAtOnce, body.file != nil else {
            let offset = hasBody ? TusAnswer.offset(report) ?? .zero : .zero
            if offset == body.size, whole == nil { whole = report.sha256 }
            return offset == body.size ? store() : send(from: .zero, to: body.size, at: offset)
        }
        let saved = TusUploadState(place: destination.base.url, upload: url).bytes
        guard saved.count <= TaskProgress.largestState else { return send(from: .zero) }
        state = .saving
        return .save(saved)
    }

    // MARK: Bytes

    private mutating func seek(_ from: ByteCount?) -> Step {
        state = .seeking(from: from)
        return .request(destination.request("HEAD", url))
    }

    private mutating func isSought(_ report: TransferReport, _ from: ByteCount?) -> Step {
        if TusAnswer.isMissing(report) { return createAgain("the server does not have the upload any more") }
        if let failure = TusAnswer.failure(report, doing: "asking what the server has") { return .failed(failure) }
        guard let offset = TusAnswer.offset(report), offset <= body.size,
            TusAnswer.length(report) ?? body.size == body.size
        else { return createAgain("the server's upload is not the one that was begun") }
        if let from, offset <= from {
            return .failed(Failure(.transient, "upload: the connection broke, and the server has no more than before"))
        }
        // What it kept of a request that broke, in this attempt or before, went without a sum.
        if offset > .zero { checksAll = false }
        guard whole == nil, offset > hashed, let file = body.file else { return send(from: offset) }
        state = .hashing(from: offset)
        return .digest(DigestRequest(file: file, offset: hashed, size: offset - hashed))
    }

    private mutating func createAgain(_ reason: String) -> Step {
        guard !hasCreatedAgain else { return .failed(Failure(.transient, reason)) }
        hasCreatedAgain = true
        url = ""
        hashed = .zero
        checksAll = true
        return create(hasBody: false)
    }

    /// Sends what is behind an offset, or the next part of it.
    private mutating func send(from: ByteCount) -> Step {
        guard from < body.size else { return store() }
        let most = destination.partSize ?? (checksSums ? Self.checkedPart : body.size)
        var to = from + min(most, body.size - from)
        // What is hashed is read again for its sum alone: the next part goes on with the hash of the whole.
        if from < hashed { to = min(to, hashed) }
        let isHashedAsSent = from == .zero && to == body.size
        guard checksSums || whole == nil && !isHashedAsSent, let file = body.file else {
            return send(from: from, to: to)
        }
        state = .digesting(from: from, to: to)
        return .digest(DigestRequest(file: file, offset: from, size: to - from))
    }

    /// - Parameter at: what the server has of a body in memory.
    private mutating func send(
        from: ByteCount, to: ByteCount, sha256: String? = nil, at offset: ByteCount? = nil
    ) -> Step {
        if let offset, offset > .zero {
            return .failed(Failure(.transient, "the server took \(offset) of \(body.size) bytes with the creation"))
        }
        state = .sending(from: from, to: to)
        var part = body
        if from > .zero || to < body.size, let file = body.file {
            part = .slice(FileSlice(file: file, offset: from, size: to - from))
        }
        var headers = [(name: "Upload-Offset", value: "\(from)"), (name: "Content-Type", value: Self.mediaType)]
        if checksSums, let sum = (sha256 ?? whole).flatMap(Hex.decode) {
            headers.append(("Upload-Checksum", "sha256 \(Data(sum).base64EncodedString())"))
        }
        return .request(destination.request("PATCH", url, headers: headers, body: part))
    }

    private mutating func isSent(_ report: TransferReport, _ from: ByteCount, _ to: ByteCount) -> Step {
        if let failure = TusAnswer.failure(report, doing: "upload") {
            // The server may have kept a part: the attempt goes on as long as it gets further.
            let mayHaveMore = report.bytesSent > .zero && failure.kind == .transient || report.answered == 409
            guard body.file != nil, mayHaveMore, body.size > Self.largestAtOnce else { return .failed(failure) }
            return seek(from)
        }
        guard let offset = TusAnswer.offset(report) else {
            return .failed(
                Failure(
                    .integrity, "the server answered \(report.status ?? 0) without an offset; what it has is unknown"))
        }
        guard offset == to, !report.isEarly else {
            guard body.file != nil, offset > from, offset < to else {
                return .failed(Failure(.integrity, "the server has \(offset) bytes, \(to) were sent"))
            }
            return seek(from)
        }
        if from == .zero, to == body.size, whole == nil { whole = report.sha256 }
        return send(from: to)
    }

    // MARK: The end

    private mutating func store() -> Step {
        if body.size == .zero, whole == nil { whole = PartDigest.sha256(of: []) }
        guard let whole else { return .failed(Failure(.transient, "the file was not read to its end")) }
        guard destination.check == .readBack, body.size > .zero else {
            let isChecked = checksSums && checksAll && body.size > .zero
            return stored(StoredObject(size: body.size, sha256: whole, verification: isChecked ? .tusChecksum : .size))
        }
        state = .reading
        return .request(destination.request("GET", url, sink: .hash))
    }

    private mutating func isRead(_ report: TransferReport) -> Step {
        if let failure = TusAnswer.failure(report, doing: "reading the upload back") {
            let kind: FailureClass = failure.kind == .permanent ? .integrity : failure.kind
            return .failed(
                Failure(kind, failure.message, httpStatus: failure.httpStatus, retryAfter: failure.retryAfter))
        }
        guard report.receivedSHA256 == whole, let whole else {
            return .failed(Failure(.integrity, "the upload, read back, differs from what was sent"))
        }
        return stored(StoredObject(size: body.size, sha256: whole, verification: .readBack))
    }

    private func stored(_ object: StoredObject) -> Step {
        var object = object
        object.keptName = destination.name(of: url)
        return .stored(object)
    }
}
