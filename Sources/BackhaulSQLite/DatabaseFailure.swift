internal import BackhaulUnits
internal import GRDB
internal import Glibc

/// What could not be done with a database, in words for people instead of SQLite's.
package struct DatabaseFailure: Error, CustomStringConvertible, Sendable {
    /// Whether its disk is full: the same may succeed once there is space.
    package var isFull: Bool
    package var description: String

    /// - Parameters:
    ///   - what: the database, such as `the status view /srv/view.sqlite`.
    ///   - folder: of the database.
    ///   - advice: what helps when it is not a matter of space.
    /// - Returns: the error itself where it is not one of SQLite's.
    package static func of(_ error: any Error, _ what: String, folder: String, advice: String) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        // A full disk also causes I/O errors, and keeps the files beside the database from being made.
        let mayBeFull: [ResultCode] = [.SQLITE_IOERR, .SQLITE_CANTOPEN]
        if error.resultCode == .SQLITE_FULL || mayBeFull.contains(error.resultCode) && !hasSpace(folder) {
            return DatabaseFailure(
                isFull: true, description: "\(what) needs space, and there is none left in \(folder); free some")
        }
        let problem =
            switch error.resultCode {
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: "is damaged"
            case .SQLITE_IOERR: "cannot be read or written: its disk reports an error"
            case .SQLITE_BUSY, .SQLITE_LOCKED: "is locked by another process for too long"
            case .SQLITE_CANTOPEN: "cannot be opened"
            case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH: "may not be written by this user"
            default: "cannot be used (SQLite code \(error.extendedResultCode.rawValue))"
            }
        return DatabaseFailure(isFull: false, description: "\(what) \(problem); \(advice)")
    }

    private static let least = ByteCount(1 << 20)

    private static func hasSpace(_ folder: String) -> Bool {
        var state = statvfs()
        guard statvfs(folder, &state) == 0 else { return true }
        let (space, overflows) = UInt64(state.f_bavail).multipliedReportingOverflow(by: UInt64(state.f_frsize))
        return overflows || ByteCount(space) >= least
    }
}
