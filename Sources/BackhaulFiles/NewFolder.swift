internal import Foundation

/// Makes folders, and says in the system's words why one cannot be made.
package enum NewFolder {
    /// Why a folder cannot be made.
    package struct RefusedError: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    /// Makes the folder and those above it that are missing.
    /// - Parameter mode: of the folders that are made.
    package static func make(_ path: String, mode: UInt32 = 0o700) throws(RefusedError) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            if mkdir(made, mode_t(mode)) == 0 || errno == EEXIST { continue }
            throw RefusedError(description: String(cString: strerror(errno)))
        }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw RefusedError(description: String(cString: strerror(ENOTDIR)))
        }
    }
}
