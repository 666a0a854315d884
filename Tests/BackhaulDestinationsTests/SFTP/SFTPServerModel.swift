import BackhaulDestinations
import BackhaulTransfer
import BackhaulUnits
import Foundation

/// An SFTP server in memory, for the dialect's tests.
struct SFTPServerModel {
    /// Whether a rename replaces a file, as that of `rclone serve sftp` does and OpenSSH's does not.
    var renameReplaces = false
    /// Whether it writes behind what a file has; `rclone serve sftp` does not.
    var appends = true
    private(set) var files: [String: [UInt8]] = [:]
    private(set) var folders: Set<String> = ["/srv"]
    /// Bytes of files that came.
    private(set) var received = 0
    private(set) var commands: [String] = []

    mutating func put(_ path: String, _ bytes: [UInt8]) {
        files["/srv/\(path)"] = bytes
        var folder = Self.folder(of: "/srv/\(path)")
        while folder.count > 4 {
            folders.insert(folder)
            folder = Self.folder(of: folder)
        }
    }

    mutating func loseFolder() { folders = [] }

    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }

    private static let missing = TransferReport(failure: .objectMissing("No such file or directory"))

    /// - Parameter break: how many bytes of a body arrive before the connection breaks; nil for all.
    mutating func handle(_ request: TransferRequest, breaksAfter: Int? = nil) throws -> TransferReport {
        guard let sftp = request.sftp else { return TransferReport(failure: .internalError("not SFTP")) }
        for command in sftp.commands {
            let isOptional = command.hasPrefix("*")
            let failure = run(isOptional ? String(command.dropFirst()) : command)
            if let failure, !isOptional { return TransferReport(failure: .commandFailed(failure)) }
        }
        var path = URLComponents(string: request.url)?.path ?? ""
        if path.hasSuffix("/") { path.removeLast() }
        switch sftp.action {
        case .look:
            if folders.contains(path) { return TransferReport() }
            guard let bytes = files[path] else { return Self.missing }
            var report = TransferReport()
            // As libcurl reports it.
            report.remoteSize = bytes.isEmpty ? nil : ByteCount(clamping: bytes.count)
            return report
        case .read:
            if folders.contains(path) { return TransferReport(failure: .broken("a folder")) }
            guard let bytes = files[path] else { return Self.missing }
            return TransferReport(
                bytesReceived: ByteCount(clamping: bytes.count), receivedSHA256: PartDigest.sha256(of: bytes))
        case .write(let from):
            guard from == .zero || appends else { return TransferReport(failure: .broken("no appends")) }
            guard folders.contains(Self.folder(of: path)) else { return Self.missing }
            let body = try request.body.bytes()
            let arrived = body.prefix(breaksAfter ?? body.count)
            received += arrived.count
            files[path] = (from == .zero ? [] : files[path] ?? []) + arrived
            guard breaksAfter == nil else { return TransferReport(failure: .broken("in the test")) }
            return TransferReport(bytesSent: request.body.size, sha256: PartDigest.sha256(of: body))
        }
    }

    /// - Returns: why the command fails.
    private mutating func run(_ command: String) -> String? {
        commands.append(command)
        // Paths of the tests have no quotes in them.
        let parts = command.split(separator: "\"").map(String.init).filter { $0 != " " }
        let paths = parts.dropFirst()
        switch parts.first?.split(separator: " ").first {
        case "mkdir":
            guard let path = paths.first, folders.contains(Self.folder(of: path)) else { return "No such file" }
            return folders.insert(path).inserted ? nil : "Failure"
        case "rm":
            return files.removeValue(forKey: paths.first ?? "") == nil ? "No such file" : nil
        case "rename":
            guard let from = paths.first, let to = paths.last, let bytes = files[from],
                folders.contains(Self.folder(of: to))
            else { return "No such file" }
            guard renameReplaces || files[to] == nil else { return "Failure" }
            files[from] = nil
            files[to] = bytes
            return nil
        default: return nil
        }
    }
}
