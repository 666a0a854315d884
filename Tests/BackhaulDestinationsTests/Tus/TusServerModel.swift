import BackhaulDestinations
import BackhaulTestKit
import BackhaulTransfer
import BackhaulUnits
import Foundation

/// A tus server in memory, for the dialect's tests.
struct TusServerModel {
    /// Whether a creation may have a body, and what the server answers to one otherwise; 0 to ignore the body.
    var takesBodies = true
    var refusal = 0
    var checksums = ""
    var largest: Int?
    /// What a `Location` begins with.
    var location = "http://tus/files/"
    /// Whether it changes a byte on the way.
    var flips = false
    /// Whether each part is stored twice, as two attempts at once do where nothing is locked.
    var doubles = false
    /// After how many parts uploads are forgotten, once, and what is answered then.
    var vanishes: (after: Int, status: Int)?
    var missing = 404
    /// Whether it reads the body of a creation before it answers.
    var readsBodies = true
    /// What it takes of a request; nil for all.
    var most: Int?
    /// The whole `Location`; nil for `location` and a number.
    var locations: String?
    private(set) var uploads: [String: (length: Int, bytes: [UInt8], metadata: String)] = [:]
    private(set) var requests: [String] = []
    /// How many bytes of files arrived.
    private(set) var received = 0
    private var created = 0

    /// What is complete.
    var files: [[UInt8]] { uploads.values.filter { $0.bytes.count == $0.length }.map(\.bytes) }

    mutating func forget() { uploads = [:] }

    private func header(_ name: String, _ request: TransferRequest) -> String? {
        request.headers.first { $0.name == name }?.value
    }

    /// - Parameter kept: how many bytes of the body arrive before the connection breaks; nil for all.
    mutating func handle(_ request: TransferRequest, kept: Int? = nil) throws -> TransferReport {
        let id = request.url.split(separator: "/").last.map(String.init) ?? ""
        requests.append(request.method)
        var bytes = try request.body.bytes()
        var report = TransferReport(status: 204)
        report.sha256 = PartDigest.sha256(of: bytes)
        report.bytesSent = request.body.size
        if let kept { bytes = Array(bytes.prefix(kept)) }
        if request.method != "OPTIONS", header("Tus-Resumable", request) != "1.0.0" {
            return TransferReport(status: 412, headers: [("tus-version", "1.0.0")])
        }
        switch request.method {
        case "OPTIONS":
            report.headers = [("tus-version", "1.0.0"), ("tus-checksum-algorithm", checksums)]
            if let largest { report.headers.append(("tus-max-size", "\(largest)")) }
        case "POST":
            let length = Int(header("Upload-Length", request) ?? "") ?? -1
            if let largest, length > largest { return TransferReport(status: 413) }
            if !bytes.isEmpty, !readsBodies {
                return TransferReport(failure: .broken("in the test"), bytesSent: ByteCount(1))
            }
            if !bytes.isEmpty, !takesBodies {
                guard refusal == 0 else { return TransferReport(status: refusal) }
                bytes = []
            }
            created += 1
            uploads["\(created)"] = (length, bytes, header("Upload-Metadata", request) ?? "")
            received += bytes.count
            report.status = 201
            report.headers = [("location", locations ?? location + "\(created)")]
            if takesBodies, request.body.size > .zero { report.headers.append(("upload-offset", "\(bytes.count)")) }
        case "HEAD":
            guard let upload = uploads[id] else { return TransferReport(status: missing) }
            report.headers = [("upload-offset", "\(upload.bytes.count)"), ("upload-length", "\(upload.length)")]
        case "PATCH":
            guard let upload = uploads[id] else { return TransferReport(status: 404) }
            guard header("Content-Type", request) == "application/offset+octet-stream" else {
                return TransferReport(status: 415)
            }
            guard header("Upload-Offset", request) == "\(upload.bytes.count)" else {
                return TransferReport(status: 409)
            }
            if let gone = vanishes {
                vanishes = gone.after > 0 ? (gone.after - 1, gone.status) : nil
                if gone.after == 0 {
                    uploads[id] = nil
                    return TransferReport(status: gone.status)
                }
            }
            if let most { bytes = Array(bytes.prefix(most)) }
            received += bytes.count
            if doubles { bytes += bytes }
            if flips, !bytes.isEmpty { bytes[0] ^= 1 }
            if let sum = header("Upload-Checksum", request), kept == nil {
                let wanted = sum.split(separator: " ").last.flatMap { Data(base64Encoded: String($0)) } ?? Data()
                let hex = wanted.map { String(format: "%02x", $0) }.joined()
                guard hex == PartDigest.sha256(of: bytes) else { return TransferReport(status: 460) }
            }
            uploads[id]?.bytes += bytes
            report.headers = [("upload-offset", "\(upload.bytes.count + bytes.count)")]
        case "DELETE":
            report.status = uploads.removeValue(forKey: id) == nil ? 404 : 204
        default:
            guard let upload = uploads[id] else { return TransferReport(status: 404) }
            report.status = 200
            report.bytesReceived = ByteCount(clamping: upload.bytes.count)
            report.receivedSHA256 = PartDigest.sha256(of: upload.bytes)
        }
        return report
    }
}
