internal import BackhaulDomain
internal import BackhaulFiles
package import BackhaulTransfer
package import BackhaulUnits
internal import Foundation

/// Uploads a file: to a temporary name, behind what an earlier attempt has sent; a check of its size or bytes; the
/// rename to its own name.
///
/// SFTP's rename refuses a name that is taken (OpenSSH), or replaces it (others). An object that is to be replaced is
/// set aside under a temporary name first, and removed once the new one has the name: a break in between leaves it
/// there, and the next attempt goes on.
package struct SFTPUpload: Dialect {
    private enum State {
        /// Finds out what an earlier attempt has sent.
        case seeking
        case hashing(from: ByteCount)
        case sending(from: ByteCount, whole: String?)
        case sizing(sha256: String)
        case reading(sha256: String)
        /// Looks whether the name is taken.
        case looking(StoredObject)
        case renaming(StoredObject)
        /// The rename was refused: looks why.
        case asking(StoredObject, Failure)
        case replacing(StoredObject)
        /// Makes the folders above the key, and renames.
        case parenting(StoredObject)
        /// Makes the folder of temporary names; never the one that it is in, which may be an unmounted disk's.
        case making
        /// Removes a temporary file that cannot be used.
        case clearing(Failure?)
    }

    private let destination: SFTPDestination
    private let key: String
    private let body: TransferBody
    private let onlyIfAbsent: Bool
    private let source: String
    private var state = State.seeking
    private var hasMade = false

    /// A file of this size is sent again as fast as it is asked about.
    private static let smallest = ByteCount(1 << 20)

    package init(destination: SFTPDestination, key: String, body: TransferBody, onlyIfAbsent: Bool) {
        self.destination = destination
        self.key = key
        self.body = body
        self.onlyIfAbsent = onlyIfAbsent
        source = "\(TemporaryName.folder)/\(TemporaryName.of(key, body))"
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        guard !TemporaryName.reserves(key) else {
            return .failed(Failure(.permanent, "keys in \(TemporaryName.folder) are reserved for unfinished objects"))
        }
        guard body.file != nil, body.size > Self.smallest else { return send(from: .zero, whole: nil) }
        return .request(destination.request(.look, source))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        switch state {
        case .seeking: return isSought(report)
        case .hashing(let from):
            guard let whole = report.digest?.whole else {
                return .failed(Failure(.transient, "the file was not hashed"))
            }
            return send(from: from, whole: whole)
        case .sending(let from, let whole): return isSent(report, from, whole)
        case .sizing(let sha256): return isSized(report, sha256)
        case .reading(let sha256): return isRead(report, sha256)
        case .looking(let object): return isLooked(report, object)
        case .renaming(let object): return isRenamed(report, object)
        case .asking(let object, let failure): return isAsked(report, object, failure)
        case .replacing(let object), .parenting(let object):
            return SFTPAnswer.failure(report, doing: "giving the file its name").map { .failed($0) } ?? .stored(object)
        case .making:
            if SFTPAnswer.isMissing(report) { return .failed(missingFolder) }
            return SFTPAnswer.failure(report, doing: "making \(TemporaryName.folder) in \(destination.folder)").map {
                .failed($0)
            } ?? send(from: .zero, whole: nil)
        case .clearing(let failure):
            if let failure { return .failed(failure) }
            return SFTPAnswer.failure(report, doing: "removing a broken file").map { .failed($0) }
                ?? send(from: .zero, whole: nil)
        }
    }

    // MARK: The temporary name

    private mutating func isSought(_ report: TransferReport) -> Step {
        if SFTPAnswer.isMissing(report) { return send(from: .zero, whole: nil) }
        if let failure = SFTPAnswer.failure(report, doing: "asking what is there") { return .failed(failure) }
        guard let size = report.remoteSize, size > .zero else { return send(from: .zero, whole: nil) }
        guard size <= body.size, let file = body.file else { return clear(nil) }
        // The digest is of the whole file; what is sent now is a part of it.
        state = .hashing(from: size)
        return .digest(DigestRequest(file: file, offset: .zero, size: file.size))
    }

    private mutating func clear(_ failure: Failure?) -> Step {
        state = .clearing(failure)
        return .request(destination.request([destination.remove(source)]))
    }

    private mutating func send(from: ByteCount, whole: String?) -> Step {
        guard from < body.size || from == .zero else { return size(whole ?? "") }
        state = .sending(from: from, whole: whole)
        var rest = body
        if from > .zero, let file = body.file {
            rest = .slice(FileSlice(file: file, offset: from, size: body.size - from))
        }
        return .request(destination.request(.write(from: from), source, body: rest))
    }

    private mutating func isSent(_ report: TransferReport, _ from: ByteCount, _ whole: String?) -> Step {
        if SFTPAnswer.isMissing(report) {
            guard !hasMade else { return .failed(missingFolder) }
            hasMade = true
            state = .making
            let folder = SFTPRequest.quoted(destination.path(of: TemporaryName.folder))
            return .request(destination.request(["*mkdir \(folder)"]))
        }
        if let failure = SFTPAnswer.failure(report, doing: "upload") {
            // A server that cannot go on behind what it has gets the file from its beginning the next time.
            if from > .zero, report.bytesSent == .zero, SFTPAnswer.isRefusal(report) { return clear(failure) }
            return .failed(failure)
        }
        guard let sha256 = whole ?? report.sha256, !sha256.isEmpty else {
            return .failed(Failure(.transient, "the file was not sent to its end"))
        }
        return size(sha256)
    }

    private var missingFolder: Failure {
        Failure(.transient, "the folder \(destination.folder) is not there; create or mount it")
    }

    private mutating func size(_ sha256: String) -> Step {
        state = .sizing(sha256: sha256)
        return .request(destination.request(.look, source))
    }

    private mutating func isSized(_ report: TransferReport, _ sha256: String) -> Step {
        if let failure = SFTPAnswer.failure(report, doing: "asking for the file's size") { return .failed(failure) }
        // libcurl names no size of an empty file.
        guard report.remoteSize ?? .zero == body.size else {
            // Such as of two attempts that wrote at once.
            let size = report.remoteSize.map { "\($0)" } ?? "an unknown number of"
            return clear(Failure(.integrity, "the server has \(size) bytes, \(body.size) were sent"))
        }
        guard destination.check == .readBack, body.size > .zero else {
            return look(StoredObject(size: body.size, sha256: sha256, verification: .size))
        }
        state = .reading(sha256: sha256)
        return .request(destination.request(.read, source, sink: .hash))
    }

    private mutating func isRead(_ report: TransferReport, _ sha256: String) -> Step {
        if let failure = SFTPAnswer.failure(report, doing: "reading the file back") { return .failed(failure) }
        guard report.receivedSHA256 == sha256 else {
            return clear(Failure(.integrity, "the file, read back, differs from what was sent"))
        }
        return look(StoredObject(size: body.size, sha256: sha256, verification: .readBack))
    }

    // MARK: The own name

    private mutating func look(_ object: StoredObject) -> Step {
        // A server that replaces on rename is not asked by the rename.
        guard onlyIfAbsent else { return rename(object) }
        state = .looking(object)
        return .request(destination.request(.look, key))
    }

    private mutating func isLooked(_ report: TransferReport, _ object: StoredObject) -> Step {
        if SFTPAnswer.isMissing(report) { return rename(object) }
        if let failure = SFTPAnswer.failure(report, doing: "looking whether the name is taken") {
            return .failed(failure)
        }
        return .failed(Failure(.keyTaken, "the server has an object at the key already"))
    }

    private mutating func rename(_ object: StoredObject) -> Step {
        state = .renaming(object)
        return .request(destination.request(attributes + [destination.rename(source, key)]))
    }

    /// Gives the file the times and permissions of its source. Servers may refuse that.
    private var attributes: [String] {
        guard let attributes = body.attributes else { return [] }
        let path = SFTPRequest.quoted(destination.path(of: source))
        let mode = String(attributes.permissions, radix: 8)
        // As curl_getdate(3) reads it, without blanks.
        let time = HTTPDate.text(attributes.modifiedAt.timestamp, separator: "-")
        return ["*chmod \(mode) \(path)", "*mtime \(time) \(path)"]
    }

    private mutating func isRenamed(_ report: TransferReport, _ object: StoredObject) -> Step {
        guard let failure = SFTPAnswer.failure(report, doing: "giving the file its name") else {
            return .stored(object)
        }
        guard case .commandFailed = report.failure else { return .failed(failure) }
        state = .asking(object, failure)
        return .request(destination.request(.look, key))
    }

    private mutating func isAsked(_ report: TransferReport, _ object: StoredObject, _ failure: Failure) -> Step {
        if SFTPAnswer.isMissing(report) {
            let parents = key.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            guard !parents.isEmpty else { return .failed(failure) }
            let folders = (1...parents.count).map { parents.prefix($0).joined(separator: "/") }
            state = .parenting(object)
            return .request(
                destination.request(
                    folders.map { "*mkdir \(SFTPRequest.quoted(destination.path(of: $0)))" }
                        + [destination.rename(source, key)]))
        }
        if let other = SFTPAnswer.failure(report, doing: "looking whether the name is taken") {
            return .failed(other)
        }
        if onlyIfAbsent { return .failed(Failure(.keyTaken, "the server has an object at the key already")) }
        let old = source + ".old"
        state = .replacing(object)
        return .request(
            destination.request([
                "*\(destination.remove(old))", destination.rename(key, old), destination.rename(source, key),
                "*\(destination.remove(old))",
            ]))
    }
}
