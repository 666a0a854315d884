import Foundation
import Logging

/// Tells the service manager how the process stands (systemd, sd_notify(3)). Does nothing where none asks.
struct ServiceManager: Sendable {
    private let address: String?
    /// How often the manager must hear from the process; nil where it does not watch.
    let watchdog: Duration?

    /// - Parameter environment: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    init(_ environment: [String: String]) {
        address = environment["NOTIFY_SOCKET"].flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        let isOurs = environment["WATCHDOG_PID"].map { Int32($0) == getpid() } ?? true
        let limit = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        watchdog = address != nil && isOurs && limit > 0 ? .microseconds(limit) : nil
    }

    func ready(_ status: String) { send(["READY=1", "STATUS=\(status)"]) }
    func waiting(_ status: String) { send(["STATUS=\(status)"]) }
    func stopping() { send(["STOPPING=1", "STATUS=stopping"]) }

    /// Followed by `ready`.
    func reloading() {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let microseconds = Int64(now.tv_sec) &* 1_000_000 &+ Int64(now.tv_nsec) / 1_000
        send(["RELOADING=1", "MONOTONIC_USEC=\(microseconds)"])
    }

    /// Reports that the process is alive until the calling task is cancelled: a process whose tasks do not run any more
    /// is started again.
    func keepAlive() async {
        guard let watchdog else { return }
        while !Task.isCancelled {
            send(["WATCHDOG=1"])
            try? await ContinuousClock().sleep(for: watchdog / 2)
        }
    }

    private func send(_ lines: [String]) {
        guard let address else { return }
        let file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { return }
        defer { close(file) }
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        // A name that begins with @ is in the abstract namespace: there the first byte is zero.
        let name = address.hasPrefix("@") ? [0] + Array(address.utf8.dropFirst()) : Array(address.utf8)
        let room = MemoryLayout.size(ofValue: target.sun_path)
        guard name.count < room else { return }
        withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: name) }
        let length = MemoryLayout.offset(of: \sockaddr_un.sun_path).map { $0 + name.count } ?? 0
        let text = Array(lines.joined(separator: "\n").utf8)
        _ = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(file, text, text.count, Int32(MSG_NOSIGNAL), $0, socklen_t(length))
            }
        }
    }
}
