import Foundation
import Synchronization

/// The built program, as a person or a script runs it.
enum Command {
    struct Outcome {
        var code: Int32
        var output: String
        var errors: String

        /// The lines of the output, each a JSON object.
        var objects: [[String: Any]] {
            output.split(separator: "\n").compactMap {
                try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
            }
        }
    }

    struct Missing: Error, CustomStringConvertible {
        var description: String
    }

    /// The path beside the test bundle, where SwiftPM puts both.
    static func binary() throws -> String {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        for _ in 0..<4 {
            let path = folder.appendingPathComponent("backhaul").path
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue { return path }
            folder = folder.deletingLastPathComponent()
        }
        throw Missing(
            description: "the program 'backhaul' was not built beside the tests; run 'swift build --build-tests'")
    }

    static func process(_ arguments: [String], environment: [String: String] = [:], folder: String? = nil) throws
        -> ChildProcess
    {
        let process = ChildProcess()
        process.executableURL = URL(fileURLWithPath: try binary())
        process.arguments = arguments
        // A log and a configuration at the default places of this machine are none of the tests'.
        let defaults = ["XDG_DATA_HOME": "/dev/null/none", "XDG_CONFIG_HOME": "/dev/null/none"]
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("BACKHAUL_") }
            .merging(defaults) { $1 }.merging(environment) { $1 }
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        return process
    }

    /// Runs it to its end on a thread that may block: the runtime has only one thread per core, shared by all tests.
    static func result(_ arguments: [String]) async throws -> Outcome {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try run(arguments) }) }
        }
    }

    /// Runs it until its errors have said everything in `texts`, then interrupts it and lets it end. A fixed time would
    /// be too short on a machine that is busy.
    static func interrupt(
        _ arguments: [String], environment: [String: String] = [:], folder: String? = nil, onceItSays texts: [String]
    ) async throws -> Outcome {
        let process = try process(arguments, environment: environment, folder: folder)
        let base = NSTemporaryDirectory() + "backhaul-command-" + UUID().uuidString
        defer { for suffix in [".out", ".err"] { try? FileManager.default.removeItem(atPath: base + suffix) } }
        for suffix in [".out", ".err"] { try Data().write(to: URL(fileURLWithPath: base + suffix)) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: base + ".out")
        process.standardError = FileHandle(forWritingAtPath: base + ".err")
        try process.run()
        let end = ContinuousClock.now + .seconds(180)
        func errors() throws -> String { try String(contentsOfFile: base + ".err", encoding: .utf8) }
        while process.isRunning, ContinuousClock.now < end {
            let said = try errors()
            if texts.allSatisfy({ said.contains($0) }) { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        process.interrupt()
        process.waitUntilExit()
        return Outcome(
            code: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: try String(contentsOfFile: base + ".out", encoding: .utf8), errors: try errors())
    }

    /// Runs it to its end.
    /// - Parameter output: where its output goes; nil to return it.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], folder: String? = nil, input: Data? = nil,
        output: String? = nil
    ) throws -> Outcome {
        let process = try process(arguments, environment: environment, folder: folder)
        // Files, not pipes: a full pipe would block the program.
        let base = NSTemporaryDirectory() + "backhaul-command-" + UUID().uuidString
        defer { for suffix in [".in", ".out", ".err"] { try? FileManager.default.removeItem(atPath: base + suffix) } }
        try (input ?? Data()).write(to: URL(fileURLWithPath: base + ".in"))
        for suffix in [".out", ".err"] { try Data().write(to: URL(fileURLWithPath: base + suffix)) }
        process.standardInput = FileHandle(forReadingAtPath: base + ".in")
        process.standardOutput = FileHandle(forWritingAtPath: output ?? base + ".out")
        process.standardError = FileHandle(forWritingAtPath: base + ".err")
        try process.run()
        process.waitUntilExit()
        return Outcome(
            code: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: try String(contentsOfFile: base + ".out", encoding: .utf8),
            errors: try String(contentsOfFile: base + ".err", encoding: .utf8))
    }
}

/// A running `standalone`.
final class Daemon {
    private let process: ChildProcess
    private let errorPath: String

    /// Starts it and waits for its ready line.
    init(
        data: String, config: String? = nil, workers: Int = 2, listen: String = "127.0.0.1:0",
        environment: [String: String] = [:]
    ) throws {
        errorPath = NSTemporaryDirectory() + "backhaul-daemon-" + UUID().uuidString
        try Data().write(to: URL(fileURLWithPath: errorPath))
        process = try Command.process(
            ["standalone", "--data", data, "--listen", listen, "--workers", "\(workers)"]
                + (config.map { ["--config", $0] } ?? []), environment: environment)
        process.standardError = FileHandle(forWritingAtPath: errorPath)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let deadline = Date() + 60
        while !log.contains("\"event\":\"ready\"") {
            guard process.isRunning, Date() < deadline else {
                throw Command.Missing(description: "the daemon did not become ready: \(log)")
            }
            Thread.sleep(forTimeInterval: 0.01)
        }
    }

    var log: String { (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "" }

    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    func signal(_ number: Int32) { Foundation.kill(process.processIdentifier, number) }

    /// - Returns: the exit code after SIGTERM.
    func terminate() -> Int32 {
        process.terminate()
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    deinit {
        if process.isRunning { kill() }
        try? FileManager.default.removeItem(atPath: errorPath)
    }
}
