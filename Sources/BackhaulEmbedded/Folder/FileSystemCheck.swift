internal import BackhaulLog
internal import Foundation

/// Finds the file system of a folder, and whether SQLite's locks and shared memory are reliable on it.
package struct FileSystemCheck: Sendable {
    private let mounts: [(point: String, type: String)]

    /// Reads the kernel's list of mounts.
    package init() {
        self.init(mountInfo: (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? "")
    }

    /// Parses the text of `/proc/self/mountinfo` (proc(5)): fields separated by spaces, the type after a lone `-`,
    /// spaces in the mount point as octal escapes.
    package init(mountInfo: String) {
        mounts = mountInfo.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 6, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count else { return nil }
            let point = fields[4].replacingOccurrences(of: "\\040", with: " ")
            return (point, String(fields[dash + 1]))
        }
    }

    /// The type of the file system of the absolute, resolved path; nil when the list does not contain it.
    package func type(of path: String) -> String? {
        // The last mount on the longest matching point is the visible one.
        mounts.filter { mount in
            // Compares bytes, as the kernel does.
            path.utf8.elementsEqual(mount.point.utf8) || mount.point == "/"
                || path.utf8.starts(with: (mount.point + "/").utf8)
        }
        .reduce(nil as (point: String, type: String)?) { best, mount in
            guard let best else { return mount }
            return mount.point.utf8.count >= best.point.utf8.count ? mount : best
        }?.type
    }

    /// - Throws: `LogError.unusable` when the folder is on a network file system.
    package func requireLocal(_ folder: String) throws {
        guard let type = type(of: folder), Self.network.contains(type) else { return }
        throw LogError.unusable(
            folder: folder,
            reason:
                "it is on a network file system (\(type)), where SQLite's locks and shared memory are not reliable; "
                + "choose a folder on a local disk")
    }

    private static let network: Set<String> = [
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "gfs2", "ocfs2",
        "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.ceph", "fuse.davfs", "davfs", "virtiofs",
    ]
}
