import BackhaulTestKit
import Foundation
import Synchronization
import Testing

/// A role as a service manager and a container engine see it.
@Suite("Services", .serialized)
struct ServiceTests {
    /// The socket of a service manager (sd_notify(3)).
    private final class Manager: Sendable {
        let path: String
        private let socket: Int32
        private let lines = Mutex<[String]>([])

        init(_ path: String) throws {
            self.path = path
            let file = Foundation.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            let bound = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            try #require(file >= 0 && bound == 0)
            socket = file
        }

        deinit { close(socket) }

        /// All lines so far.
        func read() -> [String] {
            var buffer = [UInt8](repeating: 0, count: 4_096)
            while true {
                let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                guard count > 0 else { return lines.withLock(\.self) }
                let text = String(decoding: buffer[0..<count], as: UTF8.self)
                lines.withLock { $0 += text.split(separator: "\n").map(String.init) }
            }
        }

        func wait(for wanted: String, count: Int = 1) async throws {
            let end = ContinuousClock.now + .seconds(60)
            while read().filter({ $0.hasPrefix(wanted) }).count < count {
                try #require(ContinuousClock.now < end, "\(wanted) in \(read())")
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    @Test func serviceManagerIsTold() async throws {
        try await withTemporaryFolder { folder in
            let manager = try Manager(folder + "/notify")
            let daemon = try Daemon(
                data: folder + "/data", workers: 1,
                environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"])
            try await manager.wait(for: "READY=1")
            try await manager.wait(for: "WATCHDOG=1", count: 5)
            #expect(!manager.read().contains("STOPPING=1"))
            daemon.signal(SIGHUP)
            try await manager.wait(for: "RELOADING=1")
            try await manager.wait(for: "READY=1", count: 2)
            #expect(daemon.terminate() == 0)
            #expect(manager.read().contains("STOPPING=1"))
        }
    }

    /// While another process holds the lock of the log nothing can be accepted or recorded: a daemon is not ready, and
    /// says who holds it.
    @Test(.timeLimit(.minutes(4))) func daemonIsNotReadyWhileItsLogIsLocked() async throws {
        try await withTemporaryFolder { folder in
            let daemon = try Daemon(data: folder + "/data", workers: 1)
            let port = try #require(daemon.log.firstMatch(of: #/"admin":"127.0.0.1:(\d+)"/#)?.1)
            func wait(for wanted: String) async throws {
                let end = ContinuousClock.now + .seconds(100)
                while true {
                    let health = try await Command.result(["health", "--address", "127.0.0.1:\(port)"])
                    if (health.output + health.errors).contains(wanted) { return }
                    try #require(ContinuousClock.now < end, "\(wanted) in \(health)")
                    try await Task.sleep(for: .milliseconds(200))
                }
            }
            try await wait(for: "ready")
            let other = ChildProcess()
            other.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
            other.arguments = [
                "-c",
                """
                import sqlite3, sys, time
                log = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
                log.execute("BEGIN IMMEDIATE")
                time.sleep(600)
                """, folder + "/data/log.sqlite",
            ]
            try other.run()
            // The daemon notices at its next commit, its upkeep at the latest.
            try await wait(for: "process \(other.processIdentifier) (python3) holds the lock of the log")
            other.terminate()
            other.waitUntilExit()
            try await wait(for: "ready\n")
            #expect(daemon.terminate() == 0)
        }
    }

    @Test func healthIsAskedByACommand() async throws {
        try await withTemporaryFolder { folder in
            let daemon = try Daemon(data: folder + "/data", workers: 1)
            let port = try #require(daemon.log.firstMatch(of: #/"admin":"127.0.0.1:(\d+)"/#)?.1)
            let ready = try await Command.result(["health", "--address", "127.0.0.1:\(port)"])
            #expect(ready.code == 0 && ready.output.hasPrefix("ready"), "\(ready)")
            let live = try await Command.result(["health", "--live", "--address", "127.0.0.1:\(port)"])
            #expect(live.code == 0 && live.output == "live\n", "\(live)")
            #expect(daemon.terminate() == 0)
            let gone = try await Command.result(["health", "--address", "127.0.0.1:\(port)"])
            #expect(gone.code == 1 && gone.errors.contains("127.0.0.1:\(port)"), "\(gone)")
        }
    }

    /// Without brokers a role is alive and not ready, so that a probe does not end it for what it cannot change.
    @Test(arguments: ["worker", "acknowledger", "ingest"])
    func roleWithoutBrokersIsAlive(_ role: String) async throws {
        try await withTemporaryFolder { folder in
            // A port that nobody listens on: its socket is bound, and never listens.
            let holder = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(holder) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let bound = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(holder, $0, length) }
            }
            try #require(bound == 0)
            _ = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(holder, $0, &length) }
            }
            let dead = UInt16(bigEndian: address.sin_port)
            // The next free port, for health. A process that takes it in between fails the test loudly.
            let server = try StubServer { _ in .store() }
            let place = try #require(server.url.firstMatch(of: #/127\.0\.0\.1:\d+/#)).0
            server.close()
            let process = try Command.process(
                [role, "--log", "kafka://127.0.0.1:\(dead)/", "--listen", String(place)],
                environment: ["BACKHAUL_API_AUTHENTICATION": "none"])
            process.standardError = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            let end = ContinuousClock.now + .seconds(60)
            var live: Command.Outcome
            repeat {
                live = try await Command.result(["health", "--live", "--address", String(place)])
                try #require(ContinuousClock.now < end && process.isRunning, "\(live)")
            } while live.code != 0
            let ready = try await Command.result(["health", "--address", String(place)])
            #expect(ready.code == 1 && ready.output.contains("waiting for the brokers"), "\(ready)")
            process.terminate()
            process.waitUntilExit()
            #expect(process.terminationReason == .exit && process.terminationStatus == 0)
        }
    }
}
