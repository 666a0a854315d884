import Foundation

/// Keeps the data folder of a service user usable when root works on it.
enum DataFolderOwner {
    /// Gives what root has created in the folder to the folder's owner. SQLite does so with the files beside its
    /// databases. Does nothing for other users.
    static func adopt(_ folder: String) {
        guard geteuid() == 0 else { return }
        let root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { return }
        defer { close(root) }
        var owner = stat()
        guard fstat(root, &owner) == 0, owner.st_uid != 0 else { return }
        adopt(root, owner, depth: 1)
    }

    private static func adopt(_ folder: Int32, _ owner: stat, depth: Int) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd/\(folder)")) ?? []
        for name in names {
            // Never through a link: root must not give away what another user's link leads to.
            let entry = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
            guard entry >= 0 else { continue }
            defer { close(entry) }
            var status = stat()
            // Nor a file that has another name elsewhere.
            guard fstat(entry, &status) == 0 else { continue }
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            let isOwnFile = status.st_mode & S_IFMT == S_IFREG && status.st_nlink == 1
            if status.st_uid == 0, isFolder || isOwnFile { _ = fchown(entry, owner.st_uid, owner.st_gid) }
            if isFolder, depth > 0 { adopt(entry, owner, depth: depth - 1) }
        }
    }
}
