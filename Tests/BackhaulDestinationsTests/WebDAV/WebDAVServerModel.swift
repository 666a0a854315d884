import BackhaulDestinations
import BackhaulTransfer
import BackhaulUnits
import Foundation

/// A WebDAV server in memory, for the dialect's tests.
struct WebDAVServerModel {
    /// What it answers when the folder of a name is missing.
    var missingFolder = 409
    var answersHEAD = true
    /// Whether it cuts the name of a MOVE at `?` and `;`, as wsgidav does.
    var cutsNames = false
    private(set) var files: [String: [UInt8]] = [:]
    private(set) var folders: Set<String> = [""]
    private(set) var requests: [String] = []

    mutating func put(_ path: String, _ bytes: [UInt8]) {
        files[path] = bytes
        folders.insert(Self.folder(of: path))
    }

    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }

    private func path(_ url: String) -> String {
        var path = URLComponents(string: url)?.path ?? ""
        if path.hasPrefix("/dav/") { path.removeFirst("/dav/".count) }
        if path.hasSuffix("/") { path.removeLast() }
        return path
    }

    mutating func handle(_ request: TransferRequest) throws -> TransferReport {
        let path = path(request.url)
        requests.append("\(request.method) \(path)")
        var report = TransferReport(status: 200)
        switch request.method {
        case "PUT":
            guard folders.contains(Self.folder(of: path)) else { return TransferReport(status: missingFolder) }
            let bytes = try request.body.bytes()
            report.status = files.updateValue(bytes, forKey: path) == nil ? 201 : 204
            report.sha256 = PartDigest.sha256(of: bytes)
            report.bytesSent = request.body.size
        case "MKCOL":
            guard folders.contains(Self.folder(of: path)) else { return TransferReport(status: 409) }
            report.status = folders.insert(path).inserted ? 201 : 405
        case "MOVE":
            var target = self.path(request.headers.first { $0.name == "Destination" }?.value ?? "")
            if cutsNames { target = String(target.prefix { $0 != "?" && $0 != ";" }) }
            // As Go's library says it.
            guard let bytes = files[path] else { return TransferReport(status: 403) }
            guard folders.contains(Self.folder(of: target)) else { return TransferReport(status: missingFolder) }
            let overwrites = request.headers.contains { $0.name == "Overwrite" && $0.value == "T" }
            guard overwrites || files[target] == nil else { return TransferReport(status: 412) }
            files[path] = nil
            report.status = files.updateValue(bytes, forKey: target) == nil ? 201 : 204
        case "DELETE":
            report.status = files.removeValue(forKey: path) == nil ? 404 : 204
        case "PROPFIND":
            let found = files.filter { $0.key == path || Self.folder(of: $0.key) == path }
            guard !found.isEmpty || folders.contains(path) else { return TransferReport(status: 404) }
            let list = found.map { name, bytes in
                "<D:response><D:href>/dav/\(name)</D:href><D:propstat><D:prop><D:getcontentlength>\(bytes.count)"
                    + "</D:getcontentlength><D:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</D:getlastmodified>"
                    + "</D:prop></D:propstat></D:response>"
            }
            report.status = 207
            report.body = Array("<D:multistatus xmlns:D=\"DAV:\">\(list.joined())</D:multistatus>".utf8)
        default:
            guard let bytes = files[path] else { return TransferReport(status: 404) }
            if request.method == "HEAD", !answersHEAD { return TransferReport(status: 405) }
            report.headers = [("content-length", String(bytes.count))]
            report.bytesReceived = ByteCount(clamping: bytes.count)
            report.receivedSHA256 = PartDigest.sha256(of: bytes)
        }
        return report
    }

    /// Stores a part of what was sent, as servers do whose PUT is not atomic.
    mutating func breakPut(_ request: TransferRequest) throws {
        let path = path(request.url)
        guard request.method == "PUT", folders.contains(Self.folder(of: path)) else { return }
        let bytes = try request.body.bytes()
        files[path] = Array(bytes.prefix(bytes.count / 2))
    }
}
