package import BackhaulDomain
internal import Dispatch
internal import Synchronization

/// Caches open source roots for a second each: opening one takes a dozen file-system calls, more than a small file
/// costs in total.
///
/// A cached root may be an older tree than the path leads to now (a mount, a switched link). So callers trust it
/// only when the file below it is exactly the expected one; otherwise they open the root again and use that. No
/// root is cached longer than a second, so that an idle worker keeps no file system busy.
package final class RootCache: Sendable {
    private let roots: SourceRoots
    private let kept = Mutex<[ByteText: OpenRoot]>([:])
    private let queue = DispatchQueue(label: "backhaul.roots")
    private static let age = DispatchTimeInterval.seconds(1)

    package init(_ roots: SourceRoots) {
        self.roots = roots
    }

    /// The cached root of that name; nil when none is cached.
    package func kept(_ name: ByteText) -> OpenRoot? { kept.withLock { $0[name] } }

    /// Opens the root and caches it. Blocks.
    /// - Throws: `RootError`.
    package func open(_ name: ByteText) throws(RootError) -> OpenRoot {
        let root = try roots.open(name)
        kept.withLock { $0[name] = root }
        queue.asyncAfter(deadline: .now() + Self.age) { [weak self, weak root] in
            // Only this root: another one may have been cached since.
            self?.kept.withLock { kept in if let root, kept[name] === root { kept[name] = nil } }
        }
        return root
    }
}
