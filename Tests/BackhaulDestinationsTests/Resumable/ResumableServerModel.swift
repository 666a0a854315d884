import BackhaulDestinations
import BackhaulTransfer
import BackhaulUnits
import Foundation

/// A server of the IETF's draft in memory, for the dialect's tests.
struct ResumableServerModel {
    var interop = "8"
    /// nil for a server that does not know the draft.
    var limits: String? = "max-size=1000000000, max-append-size=1000000;x=1, min-size=0"
    /// Whether its final answers say that they are.
    var saysComplete = true
    private(set) var uploads: [String: (target: String, length: Int, bytes: [UInt8], isComplete: Bool)] = [:]
    private(set) var files: [String: [UInt8]] = [:]
    private(set) var requests: [String] = []
    private(set) var received = 0
    private(set) var largest = 0
    private var created = 0

    mutating func put(_ path: String, _ bytes: [UInt8]) { files[path] = bytes }
    mutating func forget() { uploads = [:] }

    private func header(_ name: String, _ request: TransferRequest) -> String? {
        request.headers.first { $0.name == name }?.value
    }

    /// - Parameter kept: how many bytes of the body arrive before the connection breaks; nil for all.
    mutating func handle(_ request: TransferRequest, kept: Int? = nil) throws -> TransferReport {
        let path = URLComponents(string: request.url)?.path ?? ""
        requests.append(request.method)
        var bytes = try request.body.bytes()
        var report = TransferReport(status: 204)
        report.sha256 = PartDigest.sha256(of: bytes)
        report.bytesSent = request.body.size
        if let kept { bytes = Array(bytes.prefix(kept)) }
        let speaks = limits != nil && header("Upload-Draft-Interop-Version", request) == interop
        switch request.method {
        case "OPTIONS":
            if speaks, let limits { report.headers = [("upload-limit", limits)] }
        case "PUT":
            if header("If-None-Match", request) != nil, files[path] != nil { return TransferReport(status: 412) }
            guard speaks, header("Upload-Complete", request) == "?0" else {
                // What the draft warns of: an empty object.
                files[path] = bytes
                return report
            }
            created += 1
            uploads["/up/\(created)"] = (path, Int(header("Upload-Length", request) ?? "") ?? -1, [], false)
            report.status = 201
            report.headers = [("location", "/up/\(created)"), ("upload-complete", "?0")]
        case "PATCH":
            guard let upload = uploads[path] else { return TransferReport(status: 404) }
            guard header("Content-Type", request) == "application/partial-upload",
                header("Upload-Offset", request) == "\(upload.bytes.count)", !upload.isComplete
            else {
                return TransferReport(status: 409, headers: [("upload-offset", "\(upload.bytes.count)")])
            }
            received += bytes.count
            largest = max(largest, bytes.count)
            uploads[path]?.bytes += bytes
            let all = upload.bytes + bytes
            report.headers = [("upload-offset", "\(all.count)")]
            guard header("Upload-Complete", request) == "?1", kept == nil else {
                report.status = 201
                report.headers.append(("upload-complete", "?0"))
                return report
            }
            uploads[path]?.isComplete = true
            files[upload.target] = all
            report.status = 201
            report.headers = saysComplete ? [("upload-complete", "?1")] : []
        case "HEAD" where path.hasPrefix("/up/"):
            guard let upload = uploads[path] else { return TransferReport(status: 404) }
            report.headers = [
                ("upload-offset", "\(upload.bytes.count)"), ("upload-complete", upload.isComplete ? "?1" : "?0"),
                ("upload-length", "\(upload.length)"),
            ]
        case "DELETE": report.status = uploads.removeValue(forKey: path) == nil ? 404 : 204
        default:
            guard let bytes = files[path] else { return TransferReport(status: 404) }
            report.status = 200
            report.headers = [("content-length", "\(bytes.count)")]
            report.bytesReceived = ByteCount(clamping: bytes.count)
            report.receivedSHA256 = PartDigest.sha256(of: bytes)
        }
        return report
    }
}
