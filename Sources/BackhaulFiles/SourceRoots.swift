package import BackhaulDomain
internal import Foundation

/// An open source root: its folder's descriptor.
package final class OpenRoot: Sendable {
    package let descriptor: Int32
    package let path: String

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        close(descriptor)
    }
}

/// Why a root cannot be used.
package enum RootError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknown(ByteText)
    /// The root is missing or has been replaced: its tasks wait.
    case unfit(String)

    package var description: String {
        switch self {
        case .unknown(let name): "source root '\(name)' is not known to this worker; add it under sources.roots"
        case .unfit(let text): text
        }
    }
}

/// The source roots that a process may read: those in the configuration, and those that `submit` registered in the
/// data folder of the same machine.
///
/// A registration records the file system of the root. An unmounted disk leaves its empty mount point, which is on
/// another file system: files that are missing there are not deleted.
package struct SourceRoots: Sendable {
    /// A root in the configuration.
    package struct Configured: Hashable, Sendable {
        package var path: String
        /// A file below the root that must exist for the root to count as mounted.
        package var marker: String?

        package init(path: String, marker: String? = nil) {
            self.path = path
            self.marker = marker
        }
    }

    private struct Registration: Codable {
        var name: String
        var path: String
        /// The kernel's number of the file system; it may change when a disk comes back.
        var fileSystem: UInt64
        /// What identifies the file system itself, where something does.
        var identity: String?
    }

    package let configured: [ByteText: Configured]
    /// The folder of registrations, one file each; nil for none (a fleet configures its roots).
    private let registry: String?
    /// Whether registered roots are used in addition to configured ones.
    private let takesRegistered: Bool

    /// - Parameter registry: an absolute folder that need not exist yet.
    package init(configured: [ByteText: Configured], registry: String?, takesRegistered: Bool) {
        self.configured = configured
        self.registry = registry
        self.takesRegistered = takesRegistered
    }

    /// Opens a root. Blocks.
    /// - Throws: `RootError`.
    package func open(_ name: ByteText) throws(RootError) -> OpenRoot {
        let registration = try registration(of: name)
        guard let path = configured[name]?.path ?? (takesRegistered ? registration?.path : nil) else {
            throw .unknown(name)
        }
        let descriptor = Foundation.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .unfit(
                "source root '\(name)' at \(path) cannot be opened (\(String(cString: strerror(errno)))); mount it")
        }
        let root = OpenRoot(descriptor: descriptor, path: path)
        if let registration, ByteText(Self.resolved(registration.path)) == ByteText(Self.resolved(path)),
            !Self.isSame(registration, descriptor)
        {
            throw .unfit(
                "source root '\(name)' at \(path) is on a different file system than when its files were submitted "
                    + "(unmounted?); mount it again, or submit from it again if it has moved permanently")
        }
        if let marker = configured[name]?.marker, faccessat(descriptor, marker, F_OK, 0) != 0 {
            throw .unfit("source root '\(name)' at \(path) lacks its marker '\(marker)' (unmounted?); mount it")
        }
        return root
    }

    /// The path of a registered root; nil for another.
    /// - Throws: `RootError`.
    package func registered(_ name: ByteText) throws(RootError) -> String? { try registration(of: name)?.path }

    /// The root that contains a folder, or that the folder becomes once confirmed.
    /// - Parameter path: absolute and resolved.
    /// - Throws: `RootError.unknown` when no configured root contains the folder and it may not become a root.
    package func name(of path: String) throws(RootError) -> (name: ByteText, path: String) {
        for (name, root) in configured.sorted(by: { $0.value.path.utf8.count > $1.value.path.utf8.count }) {
            guard let resolved = realpath(root.path, nil) else { continue }
            defer { free(resolved) }
            let base = String(cString: resolved)
            if ByteText(path) == ByteText(base) || path.utf8.starts(with: (base == "/" ? "/" : base + "/").utf8) {
                return (name, base)
            }
        }
        guard takesRegistered, registry != nil else { throw .unknown(ByteText(path)) }
        return (ByteText("local-" + Self.fingerprint(path)), path)
    }

    /// Registers a root and its file system, durably. Call it once a file was found there: an empty folder may be
    /// the mount point of a missing disk.
    /// - Throws: `RootError`, file errors.
    package func confirm(_ name: ByteText, path: String) throws {
        guard let registry else { return }
        let descriptor = Foundation.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw RootError.unfit("\(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        let entry = Self.registration(name, path, descriptor)
        if let found = try registration(of: name), ByteText(found.path) == ByteText(path),
            found.fileSystem == entry.fileSystem, found.identity == entry.identity
        {
            return
        }
        do {
            try NewFolder.make(registry)
        } catch {
            throw NewFolder.RefusedError(description: "\(registry) cannot be created: \(error)")
        }
        // Atomic, and durable before any task refers to the root.
        let file = registry + "/" + name.text + ".json"
        let temporary = file + ".\(getpid()).tmp"
        try JSONEncoder().encode(entry).write(to: URL(fileURLWithPath: temporary))
        let written = Foundation.open(temporary, O_RDONLY | O_CLOEXEC)
        if written >= 0 {
            fchmod(written, 0o600)
            fsync(written)
            close(written)
        }
        guard rename(temporary, file) == 0 else {
            throw RootError.unfit("registering \(path) in \(registry) failed: \(String(cString: strerror(errno)))")
        }
        let folder = Foundation.open(registry, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    /// - Throws: `RootError.unfit` when the registration exists but cannot be read.
    private func registration(of name: ByteText) throws(RootError) -> Registration? {
        guard let registry, !name.utf8.contains(UInt8(ascii: "/")), !name.hasPrefix(".") else { return nil }
        let file = registry + "/" + name.text + ".json"
        guard access(file, F_OK) == 0 || errno != ENOENT else { return nil }
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: file)),
            let registration = try? JSONDecoder().decode(Registration.self, from: data)
        else {
            throw .unfit("the registration of source root '\(name)' (\(file)) cannot be read; submit from it again")
        }
        return registration
    }

    private static func registration(_ name: ByteText, _ path: String, _ descriptor: Int32) -> Registration {
        let (device, number) = numbers(descriptor)
        return Registration(
            name: name.text, path: path, fileSystem: number, identity: MountTable.current.identity(of: device))
    }

    /// Whether an open folder is on the file system that was registered.
    private static func isSame(_ registration: Registration, _ descriptor: Int32) -> Bool {
        let (device, number) = numbers(descriptor)
        if let identity = registration.identity, let found = MountTable.current.identity(of: device) {
            return identity == found
        }
        return registration.fileSystem == number
    }

    /// The number of the device, and that of the file system: from the UUID on ext4 and btrfs, from the device's number
    /// on XFS, vfat and exfat, and none on NFS, where it is the device's.
    private static func numbers(_ descriptor: Int32) -> (device: UInt64, fileSystem: UInt64) {
        var status = stat()
        let device = fstat(descriptor, &status) == 0 ? UInt64(status.st_dev) : 0
        var state = statvfs()
        let number = fstatvfs(descriptor, &state) == 0 ? UInt64(state.f_fsid) : 0
        return (device, number == 0 ? device : number)
    }

    private static func resolved(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// FNV-1a: a short name for a path, the same in every process.
    private static func fingerprint(_ path: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in path.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return String(hash, radix: 16)
    }
}
