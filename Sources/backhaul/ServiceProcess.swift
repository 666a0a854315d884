import BackhaulLog
import BackhaulTelemetry
import BackhaulTransfer
import Foundation
import Logging
import Synchronization

/// A process that serves one role or several: health, readiness, signals, and the order in which it stops.
final class ServiceProcess: Sendable {
    /// One thing that runs for as long as the process.
    struct Part: Sendable {
        /// Runs until it is stopped or fails; calls the closure once it serves.
        var run: @Sendable (_ onReady: @escaping @Sendable () -> Void) async throws -> Void
        /// Whether the process is ready only after this part is.
        var isAwaited = true
    }

    /// How the parts stop.
    struct Stop: Sendable {
        /// Takes nothing more, finishes or hands back, settles, leaves.
        var drain: @Sendable () async -> Void
        /// A second signal: what is under way is interrupted, which costs no attempt.
        var hurry: @Sendable () async -> Void
        /// What has to be let go at the very end.
        var close: @Sendable () async -> Void
    }

    private let role: String
    private let address: ListenAddress
    private let facts: [String: String]
    private let parts: [Part]
    private let stop: Stop
    private let health: HealthServer
    private let logger: Logger

    /// - Parameter facts: shown in the ready line.
    init(role: String, address: ListenAddress, facts: [String: String], parts: [Part], stop: Stop) throws {
        self.role = role
        self.address = address
        self.facts = facts
        self.parts = parts
        self.stop = stop
        health = try HealthServer(address)
        logger = Logger(label: "backhaul.\(role)")
    }

    /// Serves until a signal, then drains.
    func run() async throws {
        let signals = SignalStream.make()
        let result: Result<Void, any Error>
        do {
            try await serve(until: signals)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await stop.close()
        try result.get()
    }

    /// Thrown once everything has stopped in order, to end the parts that only serve.
    private struct Stopped: Error {}

    private func serve(until signals: AsyncStream<Int32>) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.health.run() }
            try await raceListening(&group)
            let awaited = parts.filter(\.isAwaited).count
            let ready = Mutex(0)
            let isReady: @Sendable () -> Void = {
                let count = ready.withLock { count in
                    count += 1
                    return count
                }
                if count == awaited { self.announce() }
            }
            for part in parts {
                group.addTask { try await part.run { if part.isAwaited { isReady() } } }
            }
            group.addTask { () async throws -> Void in try await self.drain(at: signals) }
            do {
                // The first that ends with an error ends all: `waitForAll` would wait for the others first.
                while try await group.next() != nil {}
            } catch is Stopped {
                group.cancelAll()
            }
        }
    }

    private func raceListening(_ group: inout ThrowingTaskGroup<Void, any Error>) async throws {
        do {
            try await health.waitUntilListening()
        } catch {
            // The server's own error says more than the wait's.
            try await group.next()
            throw error
        }
    }

    private func announce() {
        health.setReady(true)
        var metadata: Logger.Metadata = [
            "role": "\(role)", "listen": "\(address)", "version": "\(Version.text)",
            "libcurl": "\(CurlGlobal.version)", "pid": "\(getpid())",
        ]
        for (name, value) in facts { metadata[name] = "\(value)" }
        // Past the level: whoever started the process waits for this line.
        let line = JSONLogHandler.line(level: .notice, message: "ready", label: "backhaul.\(role)", metadata: metadata)
        try? FileHandle.standardError.write(contentsOf: line)
    }

    /// Not ready → stop taking → finish or hand back → settle → leave.
    private func drain(at signals: AsyncStream<Int32>) async throws {
        var iterator = signals.makeAsyncIterator()
        guard let first = await iterator.next() else { return }
        logger.notice("stopping", metadata: ["signal": "\(first)"])
        health.setReady(false)
        let stop = stop
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await stop.drain() }
            group.addTask { for await _ in SignalStream.make() { await stop.hurry() } }
            await group.next()
            group.cancelAll()
        }
        logger.notice("stopped")
        throw Stopped()
    }
}
