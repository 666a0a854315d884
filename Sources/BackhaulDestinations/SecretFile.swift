package import BackhaulUnits
internal import Foundation

/// Reads files that hold credentials.
package enum SecretFile {
    /// Why a file is not read; says nothing of what it holds.
    package struct RefusedError: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    /// The longest file that is read.
    package static let largest = ByteCount(16 << 20)

    /// - Parameter takesPipes: whether a pipe is read to its end, as `--config <(...)` of a shell gives.
    /// - Returns: the file's text.
    /// - Throws: `RefusedError` for a file that is not a regular one, or that others than its owner may write: they
    ///   would choose the credentials.
    package static func read(_ path: String, takesPipes: Bool = false) throws(RefusedError) -> String {
        // A FIFO without a writer would block the open.
        let file = open(path, O_RDONLY | O_CLOEXEC | (takesPipes ? 0 : O_NONBLOCK))
        guard file >= 0 else { throw RefusedError(description: "cannot be read: \(String(cString: strerror(errno)))") }
        let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
        var status = stat()
        guard fstat(file, &status) == 0,
            status.st_mode & S_IFMT == S_IFREG || takesPipes && status.st_mode & S_IFMT == S_IFIFO
        else {
            throw RefusedError(description: "is not a regular file")
        }
        guard status.st_mode & 0o022 == 0 else {
            throw RefusedError(
                description: "may be written by other users, who would choose the credentials; run 'chmod go-w' on it")
        }
        let limit = Int(clamping: largest.bytes)
        guard let data = try? handle.read(upToCount: limit + 1) ?? Data() else {
            throw RefusedError(description: "cannot be read")
        }
        guard data.count <= limit, let text = String(bytes: data, encoding: .utf8) else {
            throw RefusedError(description: "must be UTF-8 text of at most \(limit >> 20) MiB")
        }
        return text
    }

    /// The text without the blanks around it, for a file with one secret.
    package static func secret(_ path: String) throws(RefusedError) -> Secret {
        Secret(try read(path).trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// Whether users other than its owner and group may read the file.
    package static func isReadableByAll(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & 0o004 != 0
    }
}
