import Foundation
import Synchronization

/// A process that a test starts. Foundation's class of this kind crashes now and then where several threads start
/// processes at once, in a copy of its own.
///
/// Unchecked: what is set before `run` is not changed after it; `state` guards the rest.
final class ChildProcess: @unchecked Sendable {
    enum TerminationReason {
        case exit
        case uncaughtSignal
    }

    struct StartError: Error, CustomStringConvertible {
        var description: String
    }

    var executableURL: URL?
    var arguments: [String]?
    var environment: [String: String]?
    var currentDirectoryURL: URL?
    /// A `FileHandle` or a `Pipe`; nil for that of the tests.
    var standardInput: Any?
    var standardOutput: Any?
    var standardError: Any?

    private struct State {
        var identifier: pid_t = 0
        /// As `waitpid` gives it; nil while it runs.
        var status: Int32?
    }

    private let state = Mutex(State())

    var processIdentifier: pid_t { state.withLock(\.identifier) }

    func run() throws {
        guard let executable = executableURL?.path else { throw StartError(description: "no program is named") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, stream) in [standardInput, standardOutput, standardError].enumerated() {
            let handle =
                (stream as? Pipe).map { number == 0 ? $0.fileHandleForReading : $0.fileHandleForWriting }
                ?? stream as? FileHandle
            if let handle { posix_spawn_file_actions_adddup2(&actions, handle.fileDescriptor, Int32(number)) }
        }
        if let folder = currentDirectoryURL?.path { _ = try Self.changeFolder(&actions, folder) }
        // Else a child would hold the pipes of others open.
        _ = try Self.closeFrom(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        let variables = (environment ?? ProcessInfo.processInfo.environment).map { "\($0.key)=\($0.value)" }
        var identifier: pid_t = 0
        let code = Self.withStrings([executable] + (arguments ?? [])) { argv in
            Self.withStrings(variables) { envp in
                posix_spawn(&identifier, executable, &actions, &attributes, argv, envp)
            }
        }
        guard code == 0 else { throw StartError(description: "\(executable): \(String(cString: strerror(code)))") }
        state.withLock { $0.identifier = identifier }
        (standardInput as? Pipe)?.fileHandleForReading.closeFile()
        for stream in [standardOutput, standardError] { (stream as? Pipe)?.fileHandleForWriting.closeFile() }
    }

    // GNU's extensions, which Swift does not import.
    private typealias ChangeFolder =
        @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, UnsafePointer<CChar>) -> Int32
    private typealias CloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32

    private static func function(_ name: String) throws -> UnsafeMutableRawPointer {
        guard let found = dlsym(nil, name) else { throw StartError(description: "this libc has no \(name)") }
        return found
    }

    private static func changeFolder(_ actions: inout posix_spawn_file_actions_t, _ folder: String) throws -> Int32 {
        unsafeBitCast(try function("posix_spawn_file_actions_addchdir_np"), to: ChangeFolder.self)(&actions, folder)
    }

    private static func closeFrom(_ actions: inout posix_spawn_file_actions_t, _ first: Int32) throws -> Int32 {
        unsafeBitCast(try function("posix_spawn_file_actions_addclosefrom_np"), to: CloseFrom.self)(&actions, first)
    }

    private static func withStrings<Value>(
        _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Value
    ) -> Value {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }

    /// - Returns: whether the process has ended; it is reaped then.
    private func reap() -> Bool {
        state.withLock { state in
            guard state.status == nil, state.identifier > 0 else { return true }
            var status: Int32 = 0
            guard waitpid(state.identifier, &status, WNOHANG) == state.identifier else { return false }
            state.status = status
            return true
        }
    }

    var isRunning: Bool { processIdentifier > 0 && !reap() }

    func waitUntilExit() {
        while !reap() {
            var info = siginfo_t()
            // Leaves it to be reaped: another thread may ask at the same time.
            _ = waitid(P_PID, id_t(processIdentifier), &info, WEXITED | WNOWAIT)
        }
    }

    func terminate() { send(SIGTERM) }
    func interrupt() { send(SIGINT) }

    /// Not to a process that was reaped: another one may have its number.
    private func send(_ signal: Int32) {
        state.withLock { state in
            if state.status == nil, state.identifier > 0 { _ = kill(state.identifier, signal) }
        }
    }

    private var status: Int32 { state.withLock { $0.status ?? 0 } }

    var terminationReason: TerminationReason { status & 0x7f == 0 ? .exit : .uncaughtSignal }

    /// The exit code, or the number of the signal that ended it.
    var terminationStatus: Int32 { status & 0x7f == 0 ? status >> 8 & 0xff : status & 0x7f }
}
