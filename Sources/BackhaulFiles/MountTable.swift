internal import Foundation

/// The mounted file systems by device number (`st_dev`), from `/proc/self/mountinfo` (proc(5)).
package struct MountTable: Sendable {
    struct Mount: Hashable, Sendable {
        var type: String
        /// The device, or what a network calls the file system: `nas:/photos`.
        var source: String
    }

    private let mounts: [UInt64: Mount]

    /// The table of this process.
    package static var current: MountTable {
        MountTable(text: (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? "")
    }

    /// Lines without the expected fields are left out.
    init(text: String) {
        var mounts: [UInt64: Mount] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 2, let dash = fields.firstIndex(of: "-"), fields.count > dash + 2 else { continue }
            let numbers = fields[2].split(separator: ":").map { UInt32($0) }
            guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { continue }
            mounts[Self.device(major, minor)] = Mount(
                type: String(fields[dash + 1]), source: String(fields[dash + 2]))
        }
        self.mounts = mounts
    }

    subscript(device: UInt64) -> Mount? { mounts[device] }

    /// As glibc's `makedev` puts the two together.
    static func device(_ major: UInt32, _ minor: UInt32) -> UInt64 {
        let (major, minor) = (UInt64(major), UInt64(minor))
        return (major & 0xfff) << 8 | (major & ~0xfff) << 32 | minor & 0xff | (minor & ~0xff) << 12
    }

    /// Whether files of the device have the size that they say. Those of the kernel's own file systems do not.
    func tellsSizes(_ device: UInt64) -> Bool {
        mounts[device].map { !Self.withoutSizes.contains($0.type) } ?? true
    }

    private static let withoutSizes: Set<String> = [
        "proc", "sysfs", "debugfs", "tracefs", "securityfs", "cgroup", "cgroup2", "configfs", "pstore", "bpf",
        "selinuxfs", "binfmt_misc", "fusectl",
    ]

    /// What identifies the file system of a device, whatever number the kernel gives it next time: its UUID, or where
    /// the network has it. nil for what has neither.
    /// - Parameter uuids: the folder of links that udev keeps, `/dev/disk/by-uuid`.
    func identity(of device: UInt64, uuids: String = "/dev/disk/by-uuid") -> String? {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: uuids)) ?? [] {
            var status = stat()
            if stat(uuids + "/" + name, &status) == 0, status.st_mode & S_IFMT == S_IFBLK,
                UInt64(status.st_rdev) == device
            {
                return "uuid " + name
            }
        }
        guard let mount = mounts[device], Self.isNetwork(mount.type) else { return nil }
        return mount.type + " " + mount.source
    }

    private static func isNetwork(_ type: String) -> Bool {
        ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "virtiofs"].contains(type)
            || type.hasPrefix("fuse.")
    }
}
