internal import BackhaulDomain
package import BackhaulFiles
package import BackhaulTransfer
package import BackhaulUnits
internal import DequeModule

/// Uploads a file in parts (CreateMultipartUpload, UploadPart, CompleteMultipartUpload), and goes on with the parts
/// that an earlier attempt has sent.
///
/// Parts are hashed in order, one ahead of those that are being sent, which gives the SHA-256 of the whole as well. A
/// part that the store has already is hashed all the same, and sent again unless the store's own checksum of it is
/// that of the file. The object appears when the upload is completed, and never before.
package struct S3PartsUpload: Dialect {
    private enum Phase {
        case listing
        case creating
        case saving
        case sending
        case completing
        /// The store does not know the upload: looks whether it was completed.
        case looking
        /// The object has the file's size: hashes the parts, to compare its checksum.
        case comparing(Seen)
        case checking(S3Check)
        /// Ends the upload, since it cannot be completed.
        case ending(Failure)
        /// Ends an upload of an earlier attempt that cannot be continued.
        case dropping
    }

    /// What the store says of the object that may be this one.
    private struct Seen {
        var checksum: String?
        var tag: String?
    }

    private struct Part {
        var digest: PartDigest?
        var tag: String?
        /// How often it was sent in vain.
        var tries = 0
    }

    /// Tries of a part in one attempt.
    private static let mostTries = 4
    /// How long a store may take to put the parts together.
    private static let completion = Duration.seconds(900)

    private let destination: S3Destination
    private let object: S3Object
    private let file: SourceFile
    private var partSize: ByteCount
    private var parts: [Part]
    private var upload = ""
    private var phase = Phase.creating
    /// What the store has, by part number.
    private var listed: [Int: S3ListedPart] = [:]
    private var hashed = 0
    private var isHashing = false
    private var ready: Deque<Int> = []
    private var sending: Set<Int> = []
    private var failure: Failure?
    /// Whether only an ETag tells what the store has.
    private var needsMD5 = false
    /// Whether the object was looked for in this attempt already.
    private var hasLooked = false
    private var marker = 0

    package init(destination: S3Destination, object: S3Object, file: SourceFile) {
        self.destination = destination
        self.object = object
        self.file = file
        partSize = destination.partSize(of: file.size)
        parts = []
        divide()
    }

    private mutating func divide() {
        let whole = file.size.bytes / partSize.bytes
        let count = whole + (file.size.bytes % partSize.bytes == 0 ? 0 : 1)
        parts = Array(repeating: Part(), count: Int(clamping: count))
    }

    package mutating func begin(_ start: DialectStart) -> Step {
        guard let state = start.state.flatMap(S3UploadState.init), state.place == destination.place else {
            return create(start.now)
        }
        guard isOurs(state) else {
            // Such as one with another checksum, or to another name. Its parts would stay for ever.
            phase = .dropping
            guard state.key.utf8.starts(with: destination.prefix.utf8), !state.upload.isEmpty else {
                return create(start.now)
            }
            return .request(
                destination.request("DELETE", state.key, query: [("uploadId", state.upload)], at: start.now))
        }
        upload = state.upload
        partSize = ByteCount(state.partSize)
        divide()
        phase = .listing
        return list(after: nil, start.now)
    }

    /// Whether an upload is one of this object. Anyone may have written the state.
    private func isOurs(_ state: S3UploadState) -> Bool {
        state.key.utf8.elementsEqual(object.key.utf8) && state.checksum == destination.checksum.rawValue
            && !state.upload.isEmpty
            && state.partSize > 0 && state.partSize <= S3Destination.partSizes.upperBound.bytes
            && file.size.bytes / state.partSize < 10_000
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        switch phase {
        case .listing: return isListed(report, now)
        case .creating: return isCreated(report, now)
        case .saving:
            phase = .sending
            return advance(now)
        case .sending: return isSent(report, now)
        case .completing: return isCompleted(report, now)
        case .looking: return isSeen(report, now)
        case .comparing(let seen): return isCompared(report, seen, now)
        case .checking(let check): return check.next(report)
        case .ending(let failure): return .failed(failure)
        case .dropping: return create(now)
        }
    }

    // MARK: Beginning

    private mutating func create(_ now: Timestamp) -> Step {
        phase = .creating
        listed = [:]
        for index in parts.indices { parts[index].tag = nil }
        hashed = 0
        ready = []
        var headers = object.headers(destination)
        if let algorithm = destination.checksum.algorithm {
            headers.append(("x-amz-checksum-algorithm", algorithm))
            if destination.checksum == .crc64nvme { headers.append(("x-amz-checksum-type", "FULL_OBJECT")) }
        }
        return .request(destination.request("POST", object.key, query: [("uploads", "")], headers: headers, at: now))
    }

    private mutating func isCreated(_ report: TransferReport, _ now: Timestamp) -> Step {
        if let failure = S3Answer.failure(report, doing: "beginning the upload") { return .failed(failure) }
        guard let tree = XMLTree(report.body), let id = tree["UploadId"], !id.isEmpty else {
            return .failed(Failure(.transient, "beginning the upload: the store's answer has no UploadId"))
        }
        upload = id
        phase = .saving
        return .save(
            S3UploadState(
                place: destination.place, key: object.key, upload: id, partSize: partSize,
                checksum: destination.checksum
            ).bytes)
    }

    private func list(after marker: Int?, _ now: Timestamp) -> Step {
        var query = [(name: "uploadId", value: upload), (name: "max-parts", value: "1000")]
        if let marker { query.append(("part-number-marker", String(marker))) }
        return .request(
            destination.request("GET", object.key, query: query, sink: .keep(ByteCount(1 << 20)), at: now))
    }

    private mutating func isListed(_ report: TransferReport, _ now: Timestamp) -> Step {
        if S3Answer.code(report) == "NoSuchUpload" || report.answered == 404 {
            return look(now)
        }
        if let failure = S3Answer.failure(report, doing: "asking for the parts that are there") {
            return .failed(failure)
        }
        guard let page = S3ListedPart.Page(report.body, destination.checksum) else {
            return .failed(
                Failure(.transient, "asking for the parts that are there: the store's answer is not a list of them"))
        }
        listed.merge(page.parts.filter { (1...parts.count).contains($0.key) }) { _, new in new }
        // A store that does not get on with its pages would be asked for ever.
        if let next = page.next, next > marker, next < parts.count {
            marker = next
            return list(after: next, now)
        }
        needsMD5 = listed.values.contains { $0.checksum == nil }
        phase = .sending
        return advance(now)
    }

    // MARK: Parts

    private func range(_ index: Int) -> (offset: ByteCount, size: ByteCount) {
        let offset = ByteCount(UInt64(index) * partSize.bytes)
        return (offset, min(partSize, file.size - offset))
    }

    private func digest(_ index: Int) -> Step {
        let (offset, size) = range(index)
        return .digest(
            DigestRequest(
                file: file, offset: offset, size: size, checksum: destination.checksum.kind, hasMD5: needsMD5,
                tag: 2 * index + 1))
    }

    private func send(_ index: Int, _ digest: PartDigest, _ now: Timestamp) -> Step {
        let (offset, size) = range(index)
        return .request(
            destination.request(
                "PUT", object.key, query: [("partNumber", String(index + 1)), ("uploadId", upload)],
                headers: destination.checksum.headers(digest),
                body: .slice(FileSlice(file: file, offset: offset, size: size)),
                payload: digest.sha256, tag: 2 * index, at: now))
    }

    /// The steps that may begin now.
    private mutating func advance(_ now: Timestamp) -> Step {
        // What the others send is kept, should this attempt fail.
        if let failure { return sending.isEmpty ? .failed(failure) : .together([]) }
        while hashed < parts.count, !isHashing, let digest = parts[hashed].digest {
            arrange(hashed, digest)
            hashed += 1
        }
        var steps: [Step] = []
        while sending.count < destination.parallelParts, let index = ready.popFirst() {
            guard let digest = parts[index].digest else { continue }
            sending.insert(index)
            steps.append(send(index, digest, now))
        }
        if !isHashing, hashed < parts.count, ready.isEmpty {
            isHashing = true
            steps.append(digest(hashed))
        }
        if steps.isEmpty, sending.isEmpty, !isHashing { return complete(now) }
        return .together(steps)
    }

    /// Decides whether a part has to be sent.
    private mutating func arrange(_ index: Int, _ digest: PartDigest) {
        if let part = listed[index + 1], part.size == range(index).size, isSame(part, digest) {
            parts[index].tag = part.tag
        } else {
            ready.append(index)
        }
    }

    private func isSame(_ part: S3ListedPart, _ digest: PartDigest) -> Bool {
        if let stated = part.checksum { return stated == destination.checksum.value(digest) }
        guard let md5 = digest.md5 else { return false }
        return Hex.decode(S3Checksum.bare(part.tag)) == md5
    }

    private mutating func isSent(_ report: TransferReport, _ now: Timestamp) -> Step {
        let index = report.tag / 2
        guard parts.indices.contains(index) else { return .failed(Failure(.transient, "a report of no part came")) }
        guard report.tag % 2 == 0 else {
            isHashing = false
            parts[index].digest = report.digest
            guard report.digest != nil else { return .failed(Failure(.transient, "a part was not hashed")) }
            return advance(now)
        }
        sending.remove(index)
        guard let digest = parts[index].digest else { return advance(now) }
        let what = "part \(index + 1) of \(parts.count)"
        if let failed = S3Sent.failure(report, size: range(index).size, digest, destination, doing: what) {
            parts[index].tries += 1
            if parts[index].tries < Self.mostTries, isWorthAnother(failed, report) {
                ready.append(index)
            } else {
                failure = failure ?? failed
            }
        } else if let tag = report.header("etag"), !tag.isEmpty {
            parts[index].tag = tag
        } else {
            failure = failure ?? Failure(.transient, "\(what): the store's answer has no ETag")
        }
        return advance(now)
    }

    /// Whether a part is sent again in the same attempt. A store that is overloaded needs the wait between attempts.
    private func isWorthAnother(_ failure: Failure, _ report: TransferReport) -> Bool {
        guard failure.kind == .transient || failure.kind == .integrity else { return false }
        return report.status != 503 && report.status != 429 && S3Answer.code(report) != "NoSuchUpload"
            && !(report.failure?.classified.isOfSource ?? false)
    }

    // MARK: Ending

    private mutating func complete(_ now: Timestamp) -> Step {
        phase = .completing
        let bytes = S3Completion.bytes(
            parts.map { ($0.tag ?? "", $0.digest.flatMap(destination.checksum.value)) }, destination.checksum)
        let sha256 = PartDigest.sha256(of: bytes)
        var headers = [(name: "Content-Type", value: "application/xml")] + object.condition
        if destination.checksum == .crc64nvme { headers.append(("x-amz-checksum-type", "FULL_OBJECT")) }
        var request = destination.request(
            "POST", object.key, query: [("uploadId", upload)], headers: headers,
            body: .bytes(LoadedBytes(bytes: bytes, sha256: sha256)), payload: sha256, at: now)
        request.patience = Self.completion
        return .request(request)
    }

    /// Codes by which a store says that the parts it has do not make the object.
    private static let unusable: Set<String> = [
        "InvalidPart", "InvalidPartOrder", "ConditionalRequestConflict", "OperationAborted",
    ]

    private mutating func isCompleted(_ report: TransferReport, _ now: Timestamp) -> Step {
        let code = S3Answer.code(report)
        // An earlier request may have completed it, its answer lost.
        if code == "NoSuchUpload" {
            guard !hasLooked else {
                return .failed(Failure(.transient, "the store does not know the upload that it has just begun"))
            }
            return look(now)
        }
        if let failed = S3Answer.failure(
            report, isConditional: object.onlyIfAbsent, doing: "completing the upload")
        {
            if failed.kind == .keyTaken { return end(failed, now) }
            if code == "EntityTooSmall" {
                return end(
                    Failure(.permanent, "\(failed.message); set the destination's partSize", httpStatus: 400), now)
            }
            guard let code, Self.unusable.contains(code) else { return .failed(failed) }
            return end(Failure(.transient, failed.message, httpStatus: failed.httpStatus), now)
        }
        // Stores do not agree on the name of the whole.
        guard let tree = XMLTree(report.body), tree["ETag"] != nil else {
            return .failed(Failure(.transient, "completing the upload: the store's answer is not a result"))
        }
        let stated = destination.checksum.element.flatMap { tree[$0] }
        if let stated, let expected, !S3Checksum.isSame(stated, expected) {
            return .failed(Failure(.integrity, "the stored object's checksum is not that of what was sent"))
        }
        let isProven = stated != nil && expected != nil || tree["ETag"].map(S3Checksum.bare) == ownTag
        return check(isProven, now)
    }

    /// What the store says of the object's checksum if it has what was sent; nil where that is not known.
    private var expected: String? {
        let digests = parts.compactMap(\.digest)
        return digests.count == parts.count ? destination.checksum.expected(digests) : nil
    }

    /// The ETag of the object by the MD5s of what was sent; nil where they are not known.
    private var ownTag: String? {
        let sums = parts.compactMap { part in
            part.digest.flatMap { $0.md5 ?? (destination.checksum == .md5 ? $0.checksum : nil) }
        }
        guard sums.count == parts.count else { return nil }
        return S3Checksum.entityTag(ofParts: sums.map { Hex.encode($0) })
    }

    private mutating func check(_ isProven: Bool, _ now: Timestamp) -> Step {
        guard let sha256 = parts.last?.digest?.whole else {
            return .failed(Failure(.transient, "the file was not hashed as a whole"))
        }
        let stored = StoredObject(size: file.size, sha256: sha256, verification: isProven ? .checksum : .status)
        let check = S3Check(destination: destination, key: object.key, object: stored, checksum: expected)
        phase = .checking(check)
        return check.begin(now)
    }

    private mutating func end(_ failure: Failure, _ now: Timestamp) -> Step {
        phase = .ending(failure)
        return .request(destination.request("DELETE", object.key, query: [("uploadId", upload)], at: now))
    }

    // MARK: An upload that the store does not know

    private mutating func look(_ now: Timestamp) -> Step {
        phase = .looking
        hasLooked = true
        return .request(S3Look.request(destination, object.key, now))
    }

    private mutating func isSeen(_ report: TransferReport, _ now: Timestamp) -> Step {
        if report.answered == 404 { return create(now) }
        if let failed = S3Answer.failure(report, doing: "looking whether the upload was completed") {
            return .failed(failed)
        }
        guard report.header("content-length") == String(file.size.bytes) else { return create(now) }
        let seen = Seen(
            checksum: destination.checksum.header.flatMap { report.header($0) },
            tag: report.header("etag").map(S3Checksum.bare))
        needsMD5 = seen.checksum == nil
        phase = .comparing(seen)
        return compare(seen, now)
    }

    private mutating func isCompared(_ report: TransferReport, _ seen: Seen, _ now: Timestamp) -> Step {
        isHashing = false
        let index = report.tag / 2
        guard parts.indices.contains(index), let digest = report.digest else {
            return .failed(Failure(.transient, "a part was not hashed"))
        }
        parts[index].digest = digest
        return compare(seen, now)
    }

    /// Hashes what is not hashed, then compares.
    private mutating func compare(_ seen: Seen, _ now: Timestamp) -> Step {
        if let index = parts.firstIndex(where: { $0.digest == nil }) { return digest(index) }
        if let stated = seen.checksum, let expected, S3Checksum.isSame(stated, expected) { return check(true, now) }
        if let tag = seen.tag, tag == ownTag { return check(true, now) }
        // The tags that the store gave for the parts prove that the object is of them, and no more.
        let tags = parts.compactMap(\.tag)
        if let tag = seen.tag, tags.count == parts.count, tag == S3Checksum.entityTag(ofParts: tags) {
            return check(false, now)
        }
        return create(now)
    }
}
