import BackhaulLog
import Foundation

/// Follows files that operators replace: a token file, a certificate.
///
/// Looks at the files each second, and at once when their folders change. The system tells neither of a link on the
/// way to a folder, nor of a folder that is moved away, nor of a change through another name of a file.
final class FileFollower: Sendable {
    /// What a change of a file changes; the error of `stat` for one that is not there.
    private enum Look: Hashable {
        case file(device: UInt64, number: UInt64, size: Int64, modified: [Int], changed: [Int], mode: UInt32)
        case missing(Int32)
    }

    private let settling: Duration
    private let changed = Signal()

    /// - Parameter settling: the time after a change in which the files have probably been written: editors, `cp` and
    ///   renewals take several steps.
    init(settling: Duration) { self.settling = settling }

    /// Calls `read` now, and after each change of the files, until cancelled.
    /// - Parameter paths: the files; asked again at each look.
    func run(_ paths: @Sendable () -> [String], _ read: @Sendable () -> Void) async {
        while !Task.isCancelled {
            // Watches and looks before it reads, so that no change in between is missed.
            let watches = watch(paths())
            let seen = Self.look(paths())
            read()
            repeat {
                await changed.wait(for: .seconds(1))
            } while !Task.isCancelled && Self.look(paths()) == seen
            for watch in watches { FileWatch.shared.remove(watch) }
            try? await ContinuousClock().sleep(for: settling)
        }
    }

    /// Asks for the paths now.
    func lookAgain() { changed.raise() }

    private static func look(_ paths: [String]) -> [String: Look] {
        Dictionary(
            paths.map { path in
                var status = stat()
                guard stat(path, &status) == 0 else { return (path, .missing(errno)) }
                return (
                    path,
                    .file(
                        device: UInt64(status.st_dev), number: UInt64(status.st_ino), size: Int64(status.st_size),
                        modified: [status.st_mtim.tv_sec, status.st_mtim.tv_nsec],
                        changed: [status.st_ctim.tv_sec, status.st_ctim.tv_nsec], mode: status.st_mode)
                )
            }
        ) { first, _ in first }
    }

    /// Watches the folders of the files, and those that links lead to. Without a watch changes are seen a second later.
    private func watch(_ paths: [String]) -> [FileWatch.Token] {
        let folders = paths.map { URL(fileURLWithPath: $0) }.flatMap { [$0, $0.resolvingSymlinksInPath()] }
            .map { $0.deletingLastPathComponent().path }
        return Set(folders).compactMap { folder in
            try? FileWatch.shared.add(folder, .entries) { [changed] in changed.raise() }
        }
    }
}
