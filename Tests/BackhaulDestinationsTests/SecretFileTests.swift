import BackhaulDestinations
import BackhaulTestKit
import Foundation
import Testing

@Suite("Files of secrets")
struct SecretFileTests {
    /// Every mode: a file that another user may write is refused, and one that all may read is told.
    @Test func secretFilesOfOthersAreRefused() throws {
        let path = NSTemporaryDirectory() + "backhaul-secret-" + UUID().uuidString
        defer { unlink(path) }
        try Data(" secret\n".utf8).write(to: URL(fileURLWithPath: path))
        for mode in UInt32(0o400)...0o777 where mode & 0o400 != 0 {
            try #require(chmod(path, mode) == 0)
            #expect(SecretFile.isReadableByAll(path) == (mode & 0o004 != 0))
            if mode & 0o022 == 0 {
                #expect(try SecretFile.secret(path).value == "secret")
            } else {
                #expect(throws: SecretFile.RefusedError.self) { try SecretFile.read(path) }
            }
            let isTaken = (try? SecretFile.read(path, as: .configuration)) != nil
            #expect(isTaken == (mode & 0o002 == 0))
        }
    }

    /// Neither may stop the start: a FIFO without a writer, a device without an end.
    @Test func onlyRegularFilesAreRead() throws {
        let path = NSTemporaryDirectory() + "backhaul-fifo-" + UUID().uuidString
        defer { unlink(path) }
        try #require(mkfifo(path, 0o600) == 0)
        for file in [path, "/dev/zero", "/", path + "-missing"] {
            #expect(throws: SecretFile.RefusedError.self) { try SecretFile.read(file) }
        }
    }

    /// The configuration of `--config <(...)`.
    @Test func pipeIsReadToItsEndWhereItIsTaken() throws {
        let pipe = Pipe()
        try pipe.fileHandleForWriting.write(contentsOf: Data("api: {}".utf8))
        try pipe.fileHandleForWriting.close()
        let path = "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)"
        #expect(try SecretFile.read(path, as: .configuration) == "api: {}")
    }

    /// Secrets that systemd hands over are named, and only named.
    @Test func credentialsAreFoundByName() async throws {
        try await withTemporaryFolder { folder in
            let environment = ["CREDENTIALS_DIRECTORY": folder]
            try Data("one".utf8).write(to: URL(fileURLWithPath: folder + "/nas"))
            try Data("two".utf8).write(to: URL(fileURLWithPath: folder + "/backhaul_web"))
            #expect(try SecretFile.resolve("/etc/x", environment) == "/etc/x")
            #expect(try SecretFile.resolve("credential:nas", environment) == folder + "/nas")
            #expect(try SecretFile.resolve("credential:web", environment) == folder + "/backhaul_web")
            for name in ["credential:", "credential:../x", "credential:a/b", "credential:.x"] {
                #expect(throws: SecretFile.RefusedError.self) { try SecretFile.resolve(name, environment) }
            }
            #expect(try SecretFile.resolve("credential:nas", [:]) == "/etc/backhaul/credentials/nas")
            #expect(throws: SecretFile.RefusedError.self) { try SecretFile.read("credential:nas") }
        }
    }
}
