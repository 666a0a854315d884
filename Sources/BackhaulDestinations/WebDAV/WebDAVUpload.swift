internal import BackhaulDomain
internal import BackhaulFiles
package import BackhaulTransfer
package import BackhaulUnits

/// Uploads a file: PUT to a temporary name, a check of its size or bytes, MOVE to its own name. Folders are made when
/// the server misses them.
package struct WebDAVUpload: Dialect {
    private enum State {
        case putting
        /// Makes the folder of temporary names.
        case making
        case sizing(sha256: String)
        case asking(sha256: String)
        case reading(sha256: String)
        case moving(StoredObject, overwrites: Bool)
        /// Looks whether the name that the server gave is the key's.
        case finding(StoredObject, isTaken: Bool)
        /// A rename was refused: looks whether the temporary file is there.
        case doubting(Failure)
        /// Removes the temporary file.
        case clearing(Failure)
        /// Makes the folders above the key, from the top.
        case parenting(StoredObject, made: Int)
    }

    private let destination: WebDAVDestination
    private let key: String
    private let body: TransferBody
    private let contentType: String
    private let onlyIfAbsent: Bool
    private let source: String
    private var state = State.putting
    private var hasMade = false
    private var hasParented = false

    package init(
        destination: WebDAVDestination, key: String, body: TransferBody, contentType: String, onlyIfAbsent: Bool
    ) {
        self.destination = destination
        self.key = key
        self.body = body
        self.contentType = contentType.isEmpty ? "application/octet-stream" : contentType
        self.onlyIfAbsent = onlyIfAbsent
        source = destination.base.url(
            of: "\(TemporaryName.folder)/\(TemporaryName.of(key, body))")
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        guard !TemporaryName.reserves(key) else {
            return .failed(Failure(.permanent, "keys in \(TemporaryName.folder) are reserved for unfinished objects"))
        }
        // Some servers read all of a body before they say that the folder is missing.
        guard body.size > Self.largest else { return put() }
        hasMade = true
        return make()
    }

    /// A body that is sent to find out whether the folder is there.
    private static let largest = ByteCount(1 << 20)

    private mutating func make() -> Step {
        state = .making
        return .request(destination.request("MKCOL", destination.url(ofFolder: TemporaryName.folder)))
    }

    private mutating func put() -> Step {
        state = .putting
        var headers = [(name: "Content-Type", value: contentType)]
        if destination.base.modifiedTime == .ocMtime, let modifiedAt = body.attributes?.modifiedAt {
            headers.append(("X-OC-Mtime", "\(modifiedAt.parts.seconds)"))
        }
        return .request(destination.request("PUT", source, headers: headers, body: body))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        switch state {
        case .putting: return isPut(report)
        case .making: return isMade(report) ?? put()
        case .sizing(let sha256): return isSized(report, sha256)
        case .asking(let sha256): return isAsked(report, sha256)
        case .reading(let sha256): return isRead(report, sha256)
        case .moving(let object, let overwrites): return isMoved(report, object, overwrites)
        case .finding(let object, let isTaken): return isFound(report, object, isTaken)
        case .doubting(let failure): return isDoubted(report, failure)
        case .clearing(let failure): return .failed(failure)
        case .parenting(let object, let made): return isMade(report) ?? parent(object, made: made + 1)
        }
    }

    // MARK: The temporary name

    /// What servers answer when the folder is missing. nginx says 500, Go's library 403 to a MOVE.
    private static let folderIsMissing: Set<Int> = [404, 409, 500]
    private static let parentIsMissing: Set<Int> = [403, 404, 409, 500]

    private mutating func isPut(_ report: TransferReport) -> Step {
        if !hasMade, let status = report.answered, Self.folderIsMissing.contains(status) {
            hasMade = true
            return make()
        }
        let isEarly = report.isEarly && (200..<300).contains(report.status ?? 0)
        if !isEarly, let failure = HTTPAnswer.failure(report, doing: "upload") { return .failed(failure) }
        guard !isEarly, report.bytesSent >= body.size, let sha256 = report.sha256 else {
            return .failed(
                Failure(
                    .integrity, "the server answered before it had all bytes; what it stored is unknown",
                    httpStatus: report.status))
        }
        if destination.check == .readBack {
            state = .reading(sha256: sha256)
            return .request(destination.request("GET", source, sink: .hash))
        }
        state = .sizing(sha256: sha256)
        guard destination.login == nil else { return ask(sha256) }
        return .request(destination.sizeRequest(source))
    }

    private mutating func ask(_ sha256: String) -> Step {
        state = .asking(sha256: sha256)
        return .request(WebDAVProperties.request(destination, source, depth: 0))
    }

    /// - Returns: nil when the folder is there.
    private func isMade(_ report: TransferReport) -> Step? {
        // 405: it exists (RFC 4918, section 9.3.1).
        if report.answered == 405 { return nil }
        guard let failure = HTTPAnswer.failure(report, doing: "making a folder") else { return nil }
        guard report.answered == 404 || report.answered == 409 else { return .failed(failure) }
        return .failed(
            Failure(.permanent, "\(failure.message); is the folder of url there?", httpStatus: failure.httpStatus))
    }

    private mutating func isSized(_ report: TransferReport, _ sha256: String) -> Step {
        if HTTPAnswer.lacksLength(report) { return ask(sha256) }
        if let failure = HTTPAnswer.failure(report, doing: "asking for the file's size") { return .failed(failure) }
        return compare(report.header("content-length").flatMap { UInt64($0) }, sha256)
    }

    private mutating func isAsked(_ report: TransferReport, _ sha256: String) -> Step {
        if let failure = HTTPAnswer.failure(report, doing: "asking for the file's size") { return .failed(failure) }
        return compare(WebDAVProperties.read(report.body)?.first?.size?.bytes, sha256)
    }

    private mutating func compare(_ size: UInt64?, _ sha256: String) -> Step {
        guard size == body.size.bytes else {
            return .failed(
                Failure(
                    .integrity,
                    "the server has \(size.map(String.init) ?? "an unknown number of") bytes, \(body.size) were sent"))
        }
        return move(StoredObject(size: body.size, sha256: sha256, verification: .size))
    }

    private mutating func isRead(_ report: TransferReport, _ sha256: String) -> Step {
        if let failure = HTTPAnswer.failure(report, doing: "reading the file back") { return .failed(failure) }
        guard report.receivedSHA256 == sha256 else {
            return .failed(Failure(.integrity, "the file, read back, differs from what was sent"))
        }
        return move(StoredObject(size: body.size, sha256: sha256, verification: .readBack))
    }

    // MARK: The own name

    /// Whether servers are known to read such a name otherwise in `Destination`: wsgidav cuts it at `?` and `;`, and
    /// replaces what has the shorter name.
    private var isFragile: Bool { key.utf8.contains { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: ";") } }

    private mutating func move(_ object: StoredObject, overwrites: Bool? = nil) -> Step {
        let overwrites = overwrites ?? !(onlyIfAbsent || isFragile)
        state = .moving(object, overwrites: overwrites)
        return .request(
            destination.request(
                "MOVE", source,
                headers: [("Destination", destination.base.url(of: key)), ("Overwrite", overwrites ? "T" : "F")]))
    }

    private mutating func find(_ object: StoredObject, isTaken: Bool) -> Step {
        state = .finding(object, isTaken: isTaken)
        let url = destination.base.url(of: key)
        return .request(WebDAVProperties.request(destination, url, depth: 0))
    }

    private mutating func clear(_ failure: Failure) -> Step {
        state = .clearing(failure)
        return .request(destination.request("DELETE", source))
    }

    private mutating func isMoved(_ report: TransferReport, _ object: StoredObject, _ overwrites: Bool) -> Step {
        if !overwrites, report.answered == 412 {
            guard onlyIfAbsent else { return find(object, isTaken: true) }
            return clear(Failure(.keyTaken, "the server has an object at the key already", httpStatus: 412))
        }
        if !hasParented, let status = report.answered, Self.parentIsMissing.contains(status), key.contains("/") {
            hasParented = true
            return parent(object, made: 0)
        }
        if report.answered == 405 || report.answered == 501 {
            return .failed(
                Failure(
                    .permanent, "the server does not rename files (MOVE); use type http for it",
                    httpStatus: report.status))
        }
        // The next attempt sends the file again: an object at the name may be one that was there before.
        if let failure = HTTPAnswer.failure(report, doing: "giving the file its name") {
            guard failure.kind == .permanent || failure.kind == .refused else { return .failed(failure) }
            state = .doubting(failure)
            return .request(WebDAVProperties.request(destination, source, depth: 0))
        }
        return isFragile && !overwrites ? find(object, isTaken: false) : .stored(object)
    }

    /// libcurl repeats a request whose connection died before an answer: the first may have renamed the file.
    private func isDoubted(_ report: TransferReport, _ failure: Failure) -> Step {
        guard report.answered == 404 else { return .failed(failure) }
        return .failed(Failure(.transient, "\(failure.message); its temporary file is gone"))
    }

    private mutating func isFound(_ report: TransferReport, _ object: StoredObject, _ isTaken: Bool) -> Step {
        if report.answered == 404 {
            let failure = Failure(
                .permanent,
                "the server stores the file under another name than \(key), which has a ? or ; in it; rename the file, "
                    + "or use another server")
            return isTaken ? clear(failure) : .failed(failure)
        }
        if let failure = HTTPAnswer.failure(report, doing: "looking for the file under its name") {
            return .failed(failure)
        }
        return isTaken ? move(object, overwrites: true) : .stored(object)
    }

    private mutating func parent(_ object: StoredObject, made: Int) -> Step {
        let parents = key.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        guard made < parents.count else { return move(object) }
        state = .parenting(object, made: made)
        let path = parents.prefix(made + 1).joined(separator: "/")
        return .request(destination.request("MKCOL", destination.url(ofFolder: path)))
    }
}
