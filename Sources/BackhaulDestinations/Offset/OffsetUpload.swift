internal import BackhaulDomain
internal import BackhaulFiles
package import BackhaulTransfer
package import BackhaulUnits
internal import Foundation

/// Uploads a file by a protocol with offsets (tus, IETF resumable uploads): creation, whose URL is saved for another
/// attempt; then the bytes, behind what the server has, in parts where it checks their sums or limits requests.
///
/// A small file goes along with its creation where the protocol has that; a server that does not know it leaves the
/// bytes alone, and gets them by the next request.
package struct OffsetUpload<Wire: OffsetWire>: Dialect {
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
        /// The wire checks what is stored.
        case ending
        /// Removes an upload that has other bytes than the file, so that no attempt goes on with it.
        case abandoning(Failure)
        case forgetting(Failure)
    }

    private var wire: Wire
    private let body: TransferBody
    private var state = State.discovering
    private var url = ""
    /// SHA-256 of the whole file, once it is known.
    private var whole: String?
    /// How far the file is hashed.
    private var hashed = ByteCount.zero
    private var checksAll = true
    private var hasCreatedAgain = false
    /// Whether the server waits to be told that there is no more.
    private var lacksEnd = false
    private var seeks = 0
    /// The most that the server takes of a request, as it has shown.
    private var taken: ByteCount?

    package init(_ wire: Wire, key: String, body: TransferBody) {
        self.wire = wire
        object = TemporaryName.of(key, body)
        self.body = body
        if case .bytes(let loaded) = body { whole = loaded.sha256 }
    }

    /// What the state of an upload of the file says.
    private let object: String

    private var isSmall: Bool { body.size <= OffsetSizes.atOnce || body.file == nil }

    package mutating func begin(_ start: DialectStart) -> Step {
        guard !isSmall else { return create(hasBody: body.size > .zero && wire.createsWithBody) }
        if let state = start.state.flatMap(OffsetUploadState.init), state.place == wire.place, state.object == object,
            let url = try? wire.upload(at: state.upload)
        {
            self.url = url
        }
        state = .discovering
        return .request(wire.discovery())
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        switch state {
        case .discovering:
            if let failure = wire.discovered(report, size: body.size) { return .failed(failure) }
            return url.isEmpty ? create(hasBody: false) : seek(nil)
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
        case .ending:
            let step = wire.next(report, now: now)
            // Read back, the bytes differ. An answer without them says nothing of them.
            if case .failed(let failure) = step, failure.kind == .integrity, failure.httpStatus == nil {
                return abandon(failure)
            }
            return step
        case .abandoning(let failure):
            guard !isSmall else { return .failed(failure) }
            state = .forgetting(failure)
            return .save([])
        case .forgetting(let failure): return .failed(failure)
        }
    }

    private mutating func abandon(_ failure: Failure) -> Step {
        state = .abandoning(failure)
        return .request(wire.removal(url))
    }

    private mutating func note(_ digest: PartDigest, to: ByteCount) {
        hashed = max(hashed, to)
        whole = whole ?? digest.whole
    }

    // MARK: Creation

    private mutating func create(hasBody: Bool) -> Step {
        state = .creating(hasBody: hasBody)
        return .request(wire.creation(body, hasBody: hasBody))
    }

    private mutating func isCreated(_ report: TransferReport, hasBody: Bool) -> Step {
        // Without the extension a POST has no body: some servers refuse one.
        if hasBody, let status = report.answered, [400, 405, 411, 415, 501].contains(status) {
            return create(hasBody: false)
        }
        // So does one that answers, or hangs up, without reading it.
        let isUnread = report.answered == nil && report.bytesSent > .zero || report.isEarly && report.status ?? 0 < 300
        if hasBody, isUnread { return create(hasBody: false) }
        if let failure = wire.failure(report, doing: "creating the upload") { return .failed(failure) }
        guard let location = report.header("location") else {
            return .failed(
                Failure(
                    .permanent,
                    "the server answered \(report.status ?? 0) without a Location; is url where it creates "
                        + "uploads?", httpStatus: report.status))
        }
        do {
            url = try wire.upload(at: location)
        } catch {
            return .failed(error)
        }
        // Complete at once.
        if body.size == .zero { return store(report) }
        guard !isSmall else {
            guard hasBody else { return send(from: .zero) }
            if whole == nil { whole = report.sha256 }
            return Wire.offset(report) == body.size ? store(report) : seek(nil)
        }
        let saved = OffsetUploadState(place: wire.place, object: object, upload: url).bytes
        // A query may be a credential, which no log has.
        guard saved.count <= TaskProgress.largestState, !url.contains("?") else { return send(from: .zero) }
        state = .saving
        return .save(saved)
    }

    // MARK: Bytes

    private mutating func seek(_ from: ByteCount?) -> Step {
        seeks += 1
        guard seeks <= OffsetSizes.mostSeeks else {
            return .failed(Failure(.transient, "upload: the server has cut \(OffsetSizes.mostSeeks) requests short"))
        }
        state = .seeking(from: from)
        return .request(wire.question(url))
    }

    private mutating func isSought(_ report: TransferReport, _ from: ByteCount?) -> Step {
        if wire.isGone(report) { return createAgain("the server does not have the upload any more") }
        if let failure = wire.failure(report, doing: "asking what the server has") { return .failed(failure) }
        guard let offset = Wire.offset(report), offset <= body.size,
            Wire.length(report) ?? body.size == body.size
        else { return createAgain("the server's upload is not the one that was begun") }
        if let from, offset <= from, offset < body.size || lacksEnd {
            return .failed(Failure(.transient, "upload: the connection broke, and the server has no more than before"))
        }
        // What it kept of a request that broke, in this attempt or before, went without a sum.
        if offset > .zero { checksAll = false }
        lacksEnd = offset == body.size && !wire.isComplete(report)
        guard let file = body.file else {
            return offset == .zero || offset == body.size
                ? send(from: offset)
                : .failed(
                    Failure(.transient, "the server has \(offset) of \(body.size) bytes, and gets the file again"))
        }
        guard whole == nil, offset > hashed else { return send(from: offset) }
        state = .hashing(from: offset)
        return .digest(DigestRequest(file: file, offset: hashed, size: offset - hashed))
    }

    private mutating func createAgain(_ reason: String) -> Step {
        guard !hasCreatedAgain else { return .failed(Failure(.transient, reason)) }
        hasCreatedAgain = true
        url = ""
        checksAll = true
        return create(hasBody: false)
    }

    /// Sends what is behind an offset, or the next part of it.
    private mutating func send(from: ByteCount) -> Step {
        guard from < body.size else { return lacksEnd ? send(from: from, to: from) : store(nil) }
        let most = wire.largestPart ?? (wire.checksSums ? OffsetSizes.checkedPart : body.size)
        var to = from + min(taken.map { min($0, most) } ?? most, body.size - from)
        // What is hashed is read again for its sum alone: the next part goes on with the hash of the whole.
        if from < hashed { to = min(to, hashed) }
        let isHashedAsSent = from == .zero && to == body.size
        guard wire.checksSums || whole == nil && !isHashedAsSent && from >= hashed, let file = body.file else {
            return send(from: from, to: to)
        }
        state = .digesting(from: from, to: to)
        return .digest(DigestRequest(file: file, offset: from, size: to - from))
    }

    private mutating func send(from: ByteCount, to: ByteCount, sha256: String? = nil) -> Step {
        state = .sending(from: from, to: to)
        var part = body
        if from == body.size, from > .zero {
            part = .none
        } else if from > .zero || to < body.size, let file = body.file {
            part = .slice(FileSlice(file: file, offset: from, size: to - from))
        }
        return .request(wire.append(part, to: url, from: from, isLast: to == body.size, sha256: sha256))
    }

    private mutating func isSent(_ report: TransferReport, _ from: ByteCount, _ to: ByteCount) -> Step {
        if Wire.isMissing(report) { return createAgain("the server does not have the upload any more") }
        if let failure = wire.failure(report, doing: "upload") {
            // The server may have kept a part: the attempt goes on as long as it gets further.
            let mayHaveMore = report.bytesSent > .zero && failure.kind == .transient || report.answered == 409
            guard mayHaveMore, !isSmall || report.answered == 409 else { return .failed(failure) }
            return seek(from)
        }
        if to == body.size, !report.isEarly, wire.isEnd(report) {
            if from == .zero, whole == nil { whole = report.sha256 }
            return store(report)
        }
        guard let offset = Wire.offset(report) else {
            return .failed(
                Failure(
                    .integrity, "the server answered \(report.status ?? 0) without an offset; what it has is unknown"))
        }
        guard offset == to, !report.isEarly else {
            // Another attempt has written, too.
            guard offset >= from, offset <= to else {
                return abandon(Failure(.integrity, "the server has \(offset) bytes, \(to) were sent"))
            }
            taken = max(OffsetSizes.leastTaken, offset - from)
            return seek(from)
        }
        if from == .zero, to == body.size, whole == nil { whole = report.sha256 }
        return to == body.size ? store(report) : send(from: to)
    }

    // MARK: The end

    /// - Parameter report: the answer to the last part; nil where it was lost.
    private mutating func store(_ report: TransferReport?) -> Step {
        if body.size == .zero, whole == nil { whole = PartDigest.sha256(of: []) }
        guard let whole else { return .failed(Failure(.transient, "the file was not read to its end")) }
        state = .ending
        return wire.end(
            report, url, size: body.size, sha256: whole, checked: wire.checksSums && checksAll && body.size > .zero)
    }
}
