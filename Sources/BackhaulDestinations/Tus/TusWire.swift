package import BackhaulDomain
internal import BackhaulFiles
package import BackhaulTransfer
package import BackhaulUnits
internal import Foundation

/// The requests and answers of tus 1.0.0.
package struct TusWire: OffsetWire {
    private let destination: TusDestination
    private let key: String
    private let contentType: String
    package private(set) var checksSums = false
    /// While the upload is read back.
    private var object: StoredObject?

    package init(destination: TusDestination, key: String, contentType: String) {
        self.destination = destination
        self.key = key
        self.contentType = contentType.isEmpty ? "application/octet-stream" : contentType
    }

    package var place: String { destination.base.url }
    package var createsWithBody: Bool { true }
    package var largestPart: ByteCount? { destination.partSize }

    private static let mediaType = "application/offset+octet-stream"

    package func discovery() -> TransferRequest { destination.base.request("OPTIONS", destination.base.url) }

    package mutating func discovered(_ report: TransferReport, size: ByteCount) -> Failure? {
        // A server need not answer: the next request tells what is wrong.
        guard report.failure == nil, (200..<300).contains(report.status ?? 0) else { return nil }
        let sums = report.header("tus-checksum-algorithm")?.split(separator: ",") ?? []
        checksSums = sums.contains { $0.trimmingCharacters(in: .whitespaces).lowercased() == "sha256" }
        guard let largest = report.header("tus-max-size").flatMap({ UInt64($0) }), largest > 0, size.bytes > largest
        else { return nil }
        return Failure(.permanent, "the server takes files of up to \(largest) bytes, this one has \(size)")
    }

    package func creation(_ body: TransferBody, hasBody: Bool) -> TransferRequest {
        var headers = [
            (name: "Upload-Length", value: "\(body.size)"), (name: "Upload-Metadata", value: metadata(body)),
        ]
        if hasBody { headers.append(("Content-Type", Self.mediaType)) }
        return destination.request("POST", destination.base.url, headers: headers, body: hasBody ? body : .none)
    }

    /// `filename` and `filetype` are what servers look for; `path` has the whole key.
    private func metadata(_ body: TransferBody) -> String {
        let name = key.utf8.split(separator: UInt8(ascii: "/")).last.flatMap { String($0) } ?? key
        var pairs = [("filename", name), ("filetype", contentType), ("path", key)]
        if let modifiedAt = body.attributes?.modifiedAt { pairs.append(("mtime", "\(modifiedAt.parts.seconds)")) }
        return pairs.map { "\($0) \(Data($1.utf8).base64EncodedString())" }.joined(separator: ",")
    }

    package func upload(at location: String) throws(Failure) -> String { try destination.upload(at: location) }

    package func question(_ url: String) -> TransferRequest { destination.request("HEAD", url) }

    package func append(
        _ part: TransferBody, to url: String, from: ByteCount, isLast: Bool, sha256: String?
    ) -> TransferRequest {
        var headers = [(name: "Upload-Offset", value: "\(from)"), (name: "Content-Type", value: Self.mediaType)]
        if checksSums, let sum = sha256.flatMap(Hex.decode) {
            headers.append(("Upload-Checksum", "sha256 \(Data(sum).base64EncodedString())"))
        }
        return destination.request("PATCH", url, headers: headers, body: part)
    }

    package func failure(_ report: TransferReport, doing what: String) -> Failure? {
        TusAnswer.failure(report, doing: what)
    }

    /// tus 1.0.0, HEAD: 403 without an offset, too. Where the credentials are wrong the creation says so.
    package func isGone(_ report: TransferReport) -> Bool {
        Self.isMissing(report) || report.answered == 403 && report.header("upload-offset") == nil
    }

    package func removal(_ url: String) -> TransferRequest { destination.request("DELETE", url) }

    package func isComplete(_ report: TransferReport) -> Bool { true }

    package func isEnd(_ report: TransferReport) -> Bool { false }

    package mutating func end(
        _ report: TransferReport?, _ url: String, size: ByteCount, sha256: String, checked: Bool
    ) -> Step {
        var object = StoredObject(size: size, sha256: sha256, verification: checked ? .tusChecksum : .size)
        object.keptName = destination.name(of: url)
        guard destination.check == .readBack, size > .zero else { return .stored(object) }
        object.verification = .readBack
        self.object = object
        return .request(destination.request("GET", url, sink: .hash))
    }

    package mutating func next(_ report: TransferReport, now: Timestamp) -> Step {
        if let failure = TusAnswer.failure(report, doing: "reading the upload back") {
            let kind: FailureClass = failure.kind == .permanent ? .integrity : failure.kind
            return .failed(
                Failure(kind, failure.message, httpStatus: failure.httpStatus, retryAfter: failure.retryAfter))
        }
        guard let object, report.receivedSHA256 == object.sha256 else {
            return .failed(Failure(.integrity, "the upload, read back, differs from what was sent"))
        }
        return .stored(object)
    }
}
