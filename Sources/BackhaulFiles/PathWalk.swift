internal import Foundation

/// Opens a path below a folder component by component, never through a symbolic link: a path in a record cannot
/// leave its root, even if the disk changes meanwhile.
package enum PathWalk {
    /// Why a component could not be opened.
    package struct WalkError: Error, Hashable, Sendable {
        package let errno: Int32
        /// The path up to the component, below the root.
        package let path: String

        package init(errno: Int32, path: String) {
            self.errno = errno
            self.path = path
        }

        package var message: String {
            switch errno {
            case ELOOP, ENOTDIR: "'\(path)' is a symbolic link or not a folder"
            default: "'\(path)': \(String(cString: strerror(errno)))"
            }
        }
    }

    /// Opens the folder that contains the last component of `path`, and calls `body` with it and that component's
    /// name.
    /// - Parameters:
    ///   - root: an open folder.
    ///   - creating: whether missing folders are created (mode 0777 less the umask), each made durable in its
    ///     parent.
    package static func withParent<Value>(
        of path: String, below root: Int32, creating: Bool = false, _ body: (Int32, String) throws -> Value
    ) throws -> Value {
        // Splits bytes: a "/" followed by a combining mark is another Character, but still a "/" to the kernel.
        let components = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard let name = components.last, !components.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else {
            throw WalkError(errno: EINVAL, path: path)
        }
        var folder = root
        defer { if folder != root { close(folder) } }
        var walked = ""
        for component in components.dropLast() {
            walked += walked.isEmpty ? component : "/" + component
            var next = openat(folder, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            if next < 0, errno == ENOENT, creating {
                guard mkdirat(folder, component, 0o777) == 0 || errno == EEXIST else {
                    throw WalkError(errno: errno, path: walked)
                }
                fsync(folder)
                next = openat(folder, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            }
            guard next >= 0 else { throw WalkError(errno: errno, path: walked) }
            if folder != root { close(folder) }
            folder = next
        }
        return try body(folder, name)
    }
}
