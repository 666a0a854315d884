internal import Dispatch
internal import Synchronization

/// Open source roots, each kept for a second: opening one asks the file system a dozen questions, more than a small file
/// costs altogether.
///
/// A file that is found below a kept root is that root's file, whatever has been mounted over it meanwhile. One that is not
/// found says nothing: whoever misses it opens the root anew and looks again. Nothing is kept longer than a second, so that
/// an idle worker holds no file system.
package final class RootCache: Sendable {
    private let roots: SourceRoots
    private let kept = Mutex<[String: OpenRoot]>([:])
    private let queue = DispatchQueue(label: "backhaul.roots")
    private static let age = DispatchTimeInterval.seconds(1)

    package init(_ roots: SourceRoots) {
        self.roots = roots
    }

    /// The kept root of that name; nil when there is none.
    package func kept(_ name: String) -> OpenRoot? { kept.withLock { $0[name] } }

    /// Opens the root, and keeps it. Blocks.
    /// - Throws: `RootFailure`.
    package func open(_ name: String) throws(RootFailure) -> OpenRoot {
        let root = try roots.open(name)
        kept.withLock { $0[name] = root }
        queue.asyncAfter(deadline: .now() + Self.age) { [weak self, weak root] in
            // Only the one that is a second old: another may have been opened since.
            self?.kept.withLock { kept in if let root, kept[name] === root { kept[name] = nil } }
        }
        return root
    }
}
