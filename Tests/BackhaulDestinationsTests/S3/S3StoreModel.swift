import BackhaulDestinations
import BackhaulDomain
import BackhaulTransfer
import BackhaulUnits
import Foundation

/// A store in memory that answers requests as S3 does, for the dialects' tests.
struct S3StoreModel {
    struct Upload {
        var key: String
        var parts: [Int: [UInt8]] = [:]
    }

    /// The checksum that it keeps and states; `none` for a store that knows none.
    var checksum = S3Checksum.sha256
    private(set) var objects: [String: (bytes: [UInt8], parts: [[UInt8]])] = [:]
    private(set) var uploads: [String: Upload] = [:]
    /// Bytes of bodies that came.
    private(set) var received = 0
    /// Those that were XML.
    private(set) var receivedXML = 0
    private(set) var requests: [String] = []
    private var last = 0

    mutating func put(_ key: String, _ bytes: [UInt8]) { objects[key] = (bytes, []) }

    mutating func handle(_ request: TransferRequest) throws -> TransferReport {
        let components = URLComponents(string: request.url)
        let key = String(components?.path.dropFirst("/b/".count) ?? "")
        let query = Dictionary(
            (components?.queryItems ?? []).map { ($0.name, $0.value ?? "") }, uniquingKeysWith: { first, _ in first })
        let body = try request.body.bytes()
        for header in request.headers where header.name.lowercased().hasPrefix("x-amz-checksum-") {
            let isValue = header.name.lowercased() == "x-amz-checksum-\(checksum.rawValue)"
            if isValue, header.value != value(of: body) { return error(400, "BadDigest") }
        }
        received += body.count
        if body.starts(with: "<".utf8) { receivedXML += body.count }
        requests.append("\(request.method) \(query.keys.sorted().joined(separator: ","))")
        let isConditional = request.headers.contains { $0.name == "If-None-Match" }
        var report: TransferReport
        switch (request.method, query["uploadId"], query["partNumber"]) {
        case ("POST", nil, _):
            last += 1
            uploads["u\(last)"] = Upload(key: key)
            report = answer(
                200, "<InitiateMultipartUploadResult><UploadId>u\(last)</UploadId></InitiateMultipartUploadResult>")
        case ("PUT", let id?, let number?):
            guard uploads[id] != nil else { return error(404, "NoSuchUpload") }
            uploads[id]?.parts[Int(number) ?? 0] = body
            report = answer(200, "", headers(of: body))
        case ("PUT", nil, _):
            guard !isConditional || objects[key] == nil else { return error(412, "PreconditionFailed") }
            objects[key] = (body, [])
            report = answer(200, "", headers(of: body))
        case ("GET", nil, _) where query["uploads"] != nil: report = answer(200, unfinished(query))
        case ("GET", let id?, _):
            guard let upload = uploads[id] else { return error(404, "NoSuchUpload") }
            report = answer(200, list(upload, after: Int(query["part-number-marker"] ?? "") ?? 0))
        case ("POST", let id?, _):
            guard let upload = uploads[id] else { return error(404, "NoSuchUpload") }
            guard !isConditional || objects[key] == nil else { return error(412, "PreconditionFailed") }
            report = complete(id, upload, body)
        case ("DELETE", let id?, _):
            guard uploads.removeValue(forKey: id) != nil else { return error(404, "NoSuchUpload") }
            report = answer(204, "")
        case ("HEAD", _, _), ("GET", nil, _):
            guard let object = objects[key] else { return answer(404, "") }
            report = answer(200, "", [("content-length", String(object.bytes.count))] + headers(of: object))
            report.bytesReceived = ByteCount(clamping: object.bytes.count)
            report.receivedSHA256 = PartDigest.sha256(of: object.bytes)
        default: report = error(405, "MethodNotAllowed")
        }
        report.bytesSent = request.body.size
        return report
    }

    private func answer(_ status: Int, _ body: String, _ headers: [(name: String, value: String)] = [])
        -> TransferReport
    {
        TransferReport(status: status, headers: headers, body: Array(body.utf8))
    }

    func error(_ status: Int, _ code: String) -> TransferReport {
        answer(status, "<Error><Code>\(code)</Code><Message>of the model</Message></Error>")
    }

    private func digest(_ bytes: [UInt8]) -> [UInt8] {
        switch checksum {
        case .crc32c: ChecksumKind.crc32c.of(bytes)
        case .crc64nvme: ChecksumKind.crc64nvme.of(bytes)
        default: Hex.decode(PartDigest.sha256(of: bytes)) ?? []
        }
    }

    private var isKept: Bool { checksum != .none && checksum != .md5 }

    /// nil where it keeps none.
    private func value(of bytes: [UInt8]) -> String? {
        isKept ? Data(digest(bytes)).base64EncodedString() : nil
    }

    private var element: String { "Checksum\(checksum.rawValue.uppercased())" }

    private static func tag(_ bytes: [UInt8]) -> String { "\"\(Hex.encode(ChecksumKind.md5.of(bytes)))\"" }

    private func headers(of bytes: [UInt8]) -> [(name: String, value: String)] {
        [("etag", Self.tag(bytes))] + (value(of: bytes).map { [("x-amz-checksum-\(checksum.rawValue)", $0)] } ?? [])
    }

    private func headers(of object: (bytes: [UInt8], parts: [[UInt8]])) -> [(name: String, value: String)] {
        guard !object.parts.isEmpty else { return headers(of: object.bytes) }
        let tags = object.parts.flatMap { ChecksumKind.md5.of($0) }
        let count = object.parts.count
        return [("etag", "\"\(Hex.encode(ChecksumKind.md5.of(tags)))-\(count)\"")]
            + (whole(object).map { [("x-amz-checksum-\(checksum.rawValue)", $0)] } ?? [])
    }

    /// Of an object in parts: of its parts' digests, or of all its bytes.
    private func whole(_ object: (bytes: [UInt8], parts: [[UInt8]])) -> String? {
        guard checksum != .crc64nvme else { return value(of: object.bytes) }
        return value(of: object.parts.flatMap(digest)).map { "\($0)-\(object.parts.count)" }
    }

    /// One upload a page.
    private func unfinished(_ query: [String: String]) -> String {
        let all = uploads.filter { $0.value.key.hasPrefix(query["prefix"] ?? "") }.map { ($0.value.key, $0.key) }.sorted
        { $0 < $1 }
        let rest = all.filter { $0 > (query["key-marker"] ?? "", query["upload-id-marker"] ?? "") }
        let page = rest.prefix(1).map { key, id in
            "<Upload><Key>\(key)</Key><UploadId>\(id)</UploadId><Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload>"
                + "<NextKeyMarker>\(key)</NextKeyMarker><NextUploadIdMarker>\(id)</NextUploadIdMarker>"
        }
        return "<ListMultipartUploadsResult><IsTruncated>\(rest.count > 1)</IsTruncated>\(page.joined())"
            + "</ListMultipartUploadsResult>"
    }

    private func list(_ upload: Upload, after marker: Int) -> String {
        let page = upload.parts.filter { $0.key > marker }.sorted { $0.key < $1.key }.prefix(2)
        let isTruncated = upload.parts.keys.contains { $0 > page.last?.key ?? .max }
        let parts = page.map { number, bytes in
            "<Part><PartNumber>\(number)</PartNumber><Size>\(bytes.count)</Size><ETag>\(Self.tag(bytes))</ETag>"
                + (value(of: bytes).map { "<\(element)>\($0)</\(element)>" } ?? "") + "</Part>"
        }
        return "<ListPartsResult><IsTruncated>\(isTruncated)</IsTruncated>"
            + (page.last.map { "<NextPartNumberMarker>\($0.key)</NextPartNumberMarker>" } ?? "") + parts.joined()
            + "</ListPartsResult>"
    }

    private mutating func complete(_ id: String, _ upload: Upload, _ body: [UInt8]) -> TransferReport {
        guard let tree = XMLTree(body) else { return error(400, "MalformedXML") }
        var parts: [[UInt8]] = []
        for (index, part) in tree.all("Part").enumerated() {
            guard part["PartNumber"] == String(index + 1), let bytes = upload.parts[index + 1],
                part["ETag"] == Self.tag(bytes), part[element] == value(of: bytes)
            else { return error(400, "InvalidPart") }
            parts.append(bytes)
        }
        uploads[id] = nil
        objects[upload.key] = (Array(parts.joined()), parts)
        let headers = headers(of: (Array(parts.joined()), parts))
        let sum = headers.first { $0.name.hasPrefix("x-amz-checksum-") }?.value
        return answer(
            200,
            "\n\n<CompleteMultipartUploadResult><ETag>\(headers[0].value)</ETag>"
                + (sum.map { "<\(element)>\($0)</\(element)>" } ?? "") + "</CompleteMultipartUploadResult>")
    }
}
