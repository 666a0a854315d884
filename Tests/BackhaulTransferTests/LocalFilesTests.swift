import BackhaulDomain
import BackhaulTestKit
import BackhaulTransfer
import Crypto
import Foundation
import Testing

@testable import BackhaulFiles

@Suite("Local files")
struct LocalFilesTests {
    private func body(_ text: String) -> TransferBody {
        let bytes = Array(text.utf8)
        return .bytes(
            LoadedBytes(bytes: bytes, sha256: SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()))
    }

    @Test func folderWriteIsAtomic() async throws {
        try await withTemporaryFolder { folder in
            let store = LocalStore(pool: ReaderPool())
            let placement = LocalPlacement(folder: folder, key: "a/b/c.txt", body: body("hello"), readsBack: true)
            let report = try await store.place(placement)
            #expect(report.failure == nil)
            #expect(report.receivedSHA256 == report.sha256)
            #expect(try String(contentsOfFile: folder + "/a/b/c.txt", encoding: .utf8) == "hello")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/.backhaul-tmp").isEmpty)
            // Replaced, not appended to.
            _ = try await store.place(
                LocalPlacement(folder: folder, key: "a/b/c.txt", body: body("x"), readsBack: false))
            #expect(try String(contentsOfFile: folder + "/a/b/c.txt", encoding: .utf8) == "x")
        }
    }

    /// Of many writers of one name, one stores its object whole, and the others are told.
    @Test func onlyOneWriterTakesAName() async throws {
        try await withTemporaryFolder { folder in
            let store = LocalStore(pool: ReaderPool())
            let ends = try await withThrowingTaskGroup(of: (Int, TransferReport).self) { group in
                for number in 0..<16 {
                    let body = body(String(repeating: "\(number)", count: 5_000))
                    group.addTask {
                        let placement = LocalPlacement(
                            folder: folder, key: "k", body: body, readsBack: false, action: .storeIfAbsent)
                        return (number, try await store.place(placement))
                    }
                }
                return try await group.reduce(into: [(Int, TransferReport)]()) { $0.append($1) }
            }
            let winners = ends.filter { $0.1.failure == nil }
            #expect(winners.count == 1)
            for (_, report) in ends where report.failure != nil {
                guard case .objectExists = report.failure else {
                    Issue.record("\(String(describing: report.failure))")
                    continue
                }
            }
            let stored = try String(contentsOfFile: folder + "/k", encoding: .utf8)
            #expect(stored == String(repeating: "\(winners.first?.0 ?? -1)", count: 5_000))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/.backhaul-tmp").isEmpty)
        }
    }

    @Test func sweepRemovesOnlyUnlockedTemporaryFiles() async throws {
        try await withTemporaryFolder { folder in
            let shelf = folder + "/.backhaul-tmp"
            try FileManager.default.createDirectory(atPath: shelf, withIntermediateDirectories: true)
            let (dead, live) = (UUID().uuidString, UUID().uuidString)
            for name in [dead, live, "mine"] { try Data("x".utf8).write(to: URL(fileURLWithPath: shelf + "/" + name)) }
            let alive = open(shelf + "/" + live, O_RDWR)
            defer { close(alive) }
            #expect(flock(alive, LOCK_EX) == 0)
            #expect(try await LocalStore(pool: ReaderPool()).sweep(folder) == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: shelf).sorted() == [live, "mine"].sorted())
        }
    }

    @Test func sweepFollowsNoLink() async throws {
        try await withTemporaryFolder { folder in
            let (inside, outside) = (folder + "/inside", folder + "/outside")
            for path in [inside, outside] {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            }
            let name = UUID().uuidString
            try Data("x".utf8).write(to: URL(fileURLWithPath: outside + "/" + name))
            try FileManager.default.createSymbolicLink(
                atPath: inside + "/.backhaul-tmp", withDestinationPath: outside)
            #expect(try await LocalStore(pool: ReaderPool()).sweep(inside) == 0)
            #expect(FileManager.default.fileExists(atPath: outside + "/" + name))
        }
    }

    /// A private file stays private whatever the umask is, and a photo of 2001 is not of today.
    @Test(arguments: [0o600, 0o644, 0o755, 0o400] as [UInt32])
    func storedFileKeepsPermissionsAndTime(_ permissions: UInt32) async throws {
        try await withTemporaryFolder { folder in
            let (source, target) = (folder + "/source", folder + "/target")
            for path in [source, target] {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            }
            try Data("photo".utf8).write(to: URL(fileURLWithPath: source + "/a"))
            #expect(chmod(source + "/a", permissions) == 0)
            let times = [
                timespec(tv_sec: 981_158_400, tv_nsec: 5), timespec(tv_sec: 981_158_400, tv_nsec: 123_456_789),
            ]
            #expect(utimensat(AT_FDCWD, source + "/a", times, 0) == 0)
            let root = open(source, O_RDONLY | O_DIRECTORY)
            defer { close(root) }
            let file = try SourceFile(path: "a", below: root)
            for (key, body) in [("streamed", TransferBody.file(file)), ("loaded", .bytes(try file.load()))] {
                let report = try await LocalStore(pool: ReaderPool()).place(
                    LocalPlacement(folder: target, key: key, body: body, readsBack: true))
                #expect(report.failure == nil)
                var status = stat()
                #expect(stat(target + "/" + key, &status) == 0)
                #expect(status.st_mode & 0o7777 == permissions)
                #expect(status.st_mtim.tv_sec == 981_158_400 && status.st_mtim.tv_nsec == 123_456_789)
            }
        }
    }

    @Test func keysCannotEscapeFolder() async throws {
        try await withTemporaryFolder { folder in
            let outside = folder + "/outside"
            let inside = folder + "/inside"
            for path in [outside, inside] {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            }
            try FileManager.default.createSymbolicLink(atPath: inside + "/link", withDestinationPath: outside)
            let store = LocalStore(pool: ReaderPool())
            for key in ["link/x", "../x", "/x", "a/../../x"] {
                let report = try await store.place(
                    LocalPlacement(folder: inside, key: key, body: body("x"), readsBack: false))
                guard case .storeRefused = report.failure else {
                    Issue.record("\(key): \(String(describing: report.failure))")
                    continue
                }
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: outside).isEmpty)
        }
    }

    @Test func missingDestinationFolderIsNotCreated() async throws {
        try await withTemporaryFolder { folder in
            let report = try await LocalStore(pool: ReaderPool()).place(
                LocalPlacement(folder: folder + "/unmounted", key: "x", body: body("x"), readsBack: false))
            guard case .storeFailed = report.failure else {
                Issue.record("\(String(describing: report.failure))")
                return
            }
            #expect(!FileManager.default.fileExists(atPath: folder + "/unmounted"))
        }
    }

    @Test func sourcesOpenOnlyBelowTheirRoot() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: folder + "/root/sub", withIntermediateDirectories: true)
            try Data("s".utf8).write(to: URL(fileURLWithPath: folder + "/secret"))
            try Data("f".utf8).write(to: URL(fileURLWithPath: folder + "/root/sub/f"))
            try FileManager.default.createSymbolicLink(atPath: folder + "/root/link", withDestinationPath: folder)
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/root/file", withDestinationPath: folder + "/secret")
            mkfifo(folder + "/root/pipe", 0o600)
            let roots = SourceRoots(
                configured: ["r": .init(path: folder + "/root")], registry: nil, takesRegistered: false)
            let root = try roots.open("r")
            #expect(try SourceFile(path: "sub/f", below: root.descriptor).size == 1)
            for path in ["link/secret", "file", "../secret", "missing"] {
                #expect(throws: SourceFile.OpenError.self) { try SourceFile(path: path, below: root.descriptor) }
            }
            // A pipe without a writer must not block the caller.
            #expect(throws: SourceFile.OpenError.self) { try SourceFile(path: "pipe", below: root.descriptor) }
        }
    }

    /// An unmounted disk leaves an empty mount point: its files do not count as gone.
    @Test(.enabled(if: getuid() == 0, "mounting a tmpfs needs root"))
    func unmountedRootIsUnavailable() async throws {
        try await withTemporaryFolder { folder in
            let disk = folder + "/disk"
            try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
            guard mount("tmpfs", disk, "tmpfs", 0, "size=1m") == 0 else {
                Issue.record("tmpfs cannot be mounted here: \(String(cString: strerror(errno)))")
                return
            }
            let roots = SourceRoots(configured: [:], registry: folder + "/registry", takesRegistered: true)
            let (name, path) = try roots.name(of: disk)
            try roots.confirm(name, path: path)
            _ = try roots.open(name)
            umount2(disk, Int32(MNT_DETACH))
            do throws(RootError) {
                _ = try roots.open(name)
                Issue.record("the empty mount point was taken for the disk")
            } catch {
                if case .unknown = error { Issue.record("\(error)") }
            }
        }
    }

    /// The same disk is itself under another device number, and another disk under the same number is not.
    @Test(.enabled(if: getuid() == 0, "making a block device needs root"))
    func diskIsKnownByItsUUID() async throws {
        try await withTemporaryFolder { folder in
            let uuids = folder + "/by-uuid"
            try FileManager.default.createDirectory(atPath: uuids, withIntermediateDirectories: true)
            let (first, second) = (MountTable.device(259, 7), MountTable.device(8, 4_097))
            let table = MountTable(
                text: """
                    21 1 259:7 / /photos rw shared:1 - xfs /dev/nvme0n1p7 rw
                    22 1 8:4097 / /photos rw - vfat /dev/sdq1 rw
                    23 1 0:55 / /nas rw,relatime shared:4 - nfs4 nas:/photos rw,vers=4.2
                    24 1 0:77 / /scratch rw - tmpfs tmpfs rw
                    25 1 0:5 / /proc rw - proc proc rw
                    not a mount
                    """)
            for (device, name, uuid) in [(first, "one", "1b2c-aa"), (second, "two", "77E0-0001")] {
                guard mknod(folder + "/" + name, S_IFBLK | 0o600, dev_t(device)) == 0 else {
                    Issue.record("a block device cannot be made here: \(String(cString: strerror(errno)))")
                    return
                }
                try FileManager.default.createSymbolicLink(
                    atPath: uuids + "/" + uuid, withDestinationPath: "../" + name)
            }
            #expect(table.identity(of: first, uuids: uuids) == "uuid 1b2c-aa")
            #expect(table.identity(of: second, uuids: uuids) == "uuid 77E0-0001")
            #expect(table.identity(of: MountTable.device(0, 55), uuids: uuids) == "nfs4 nas:/photos")
            #expect(table.identity(of: MountTable.device(0, 77), uuids: uuids) == nil)
            #expect(table.identity(of: first, uuids: folder + "/none") == nil)
            #expect(!table.tellsSizes(MountTable.device(0, 5)) && table.tellsSizes(first) && table.tellsSizes(1))
        }
    }

    /// A root that was registered when its disk had another number opens again; one on another disk does not.
    @Test func rootIsKnownByItsFileSystem() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: folder + "/disk", withIntermediateDirectories: true)
            let roots = SourceRoots(configured: [:], registry: folder + "/registry", takesRegistered: true)
            let (name, path) = try roots.name(of: folder + "/disk")
            try roots.confirm(name, path: path)
            let file = URL(fileURLWithPath: folder + "/registry/\(name).json")
            func change(_ key: String, _ value: Any) throws {
                var entry = try #require(
                    try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
                entry[key] = value
                try JSONSerialization.data(withJSONObject: entry).write(to: file)
            }
            let hasIdentity = try String(contentsOf: file, encoding: .utf8).contains("identity")
            try change("fileSystem", 12_345)
            // Where nothing names the file system, its number has to do.
            if hasIdentity {
                _ = try roots.open(name)
            } else {
                #expect(throws: RootError.self) { try roots.open(name) }
            }
            try roots.confirm(name, path: path)
            _ = try roots.open(name)
            if hasIdentity {
                try change("identity", "uuid of-another-disk")
                #expect(throws: RootError.self) { try roots.open(name) }
            }
        }
    }

    @Test func missingOrUnknownRootThrows() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: folder + "/a", withIntermediateDirectories: true)
            let roots = SourceRoots(
                configured: ["a": .init(path: folder + "/a", marker: ".mounted"), "b": .init(path: folder + "/b")],
                registry: folder + "/registry", takesRegistered: false)
            #expect(throws: RootError.unknown("c")) { try roots.open("c") }
            for name in ["a", "b"] as [ByteText] {
                do throws(RootError) {
                    _ = try roots.open(name)
                    Issue.record("\(name) should be unavailable")
                } catch {
                    if case .unknown = error { Issue.record("\(name): \(error)") }
                }
            }
            try Data().write(to: URL(fileURLWithPath: folder + "/a/.mounted"))
            _ = try roots.open("a")
            #expect(throws: RootError.self) { try roots.name(of: "/etc") }
            #expect(try roots.name(of: folder + "/a").name == "a")
        }
    }
}
