import Foundation

/// Describes an error to the user.
enum Explanation {
    /// An error of Foundation in the system's words and with its path: its own text is for programmers. Others describe
    /// themselves.
    static func of(_ error: any Error) -> String {
        guard let error = error as? CocoaError else { return "\(error)" }
        let cause = error.underlying.map { $0 as NSError }
        let code = cause.flatMap { $0.domain == NSPOSIXErrorDomain ? Int32(exactly: $0.code) : nil }
        let reason = code.map { String(cString: strerror($0)) } ?? error.localizedDescription
        return error.filePath.map { "\($0): \(reason)" } ?? reason
    }
}
