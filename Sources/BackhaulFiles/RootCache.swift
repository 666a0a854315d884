package import BackhaulDomain
internal import Dispatch
internal import Synchronization

/// Open source roots, each kept for a second: opening one asks the file system a dozen questions, more than a small file
/// costs altogether.
///
/// A kept root may be an older tree than the path leads to now (a mount, a link that was switched). So it is believed only
/// where what is found below it is just what was wanted; else the root is opened anew, and that is what counts. Nothing is
/// kept longer than a second, so that an idle worker holds no file system.
package final class RootCache: Sendable {
    private let roots: SourceRoots
    private let kept = Mutex<[ByteText: OpenRoot]>([:])
    private let queue = DispatchQueue(label: "backhaul.roots")
    private static let age = DispatchTimeInterval.seconds(1)

    package init(_ roots: SourceRoots) {
        self.roots = roots
    }

    /// The kept root of that name; nil when there is none.
    package func kept(_ name: ByteText) -> OpenRoot? { kept.withLock { $0[name] } }

    /// Opens the root, and keeps it. Blocks.
    /// - Throws: `RootFailure`.
    package func open(_ name: ByteText) throws(RootFailure) -> OpenRoot {
        let root = try roots.open(name)
        kept.withLock { $0[name] = root }
        queue.asyncAfter(deadline: .now() + Self.age) { [weak self, weak root] in
            // Only the one that is a second old: another may have been opened since.
            self?.kept.withLock { kept in if let root, kept[name] === root { kept[name] = nil } }
        }
        return root
    }
}
