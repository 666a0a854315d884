import BackhaulKafka
import BackhaulLog
import BackhaulTelemetry
import BackhaulTransfer
import BackhaulWeb
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
    private let server: WebServer
    /// Milliseconds for the requests under way when the process stops; nil when it serves its health alone.
    private let requestGrace: Int64?
    private let logger: Logger

    /// - Parameters:
    ///   - facts: shown in the ready line.
    ///   - metrics: what `/metrics` shows beside what the process is.
    ///   - api: what is served beside health, and how long (milliseconds) its requests under way may take at the end.
    init(
        role: String, address: ListenAddress, facts: [String: String], api: (IngestAPI, grace: Int64)? = nil,
        metrics: @escaping @Sendable () -> [MetricFamily] = { [] },
        parts: [Part], stop: Stop
    ) {
        self.role = role
        self.address = address
        self.facts = facts
        self.parts = parts
        self.stop = stop
        requestGrace = api?.grace
        logger = Logger(label: "backhaul.\(role)")
        let build = MetricFamily(
            "backhaul_build_info", "What runs: the program's role and version, and those of its libraries.", .gauge,
            [
                MetricFamily.Sample(
                    1,
                    [
                        .init("role", role), .init("version", Version.text),
                        .init("librdkafka", KafkaLog.libraryVersion),
                        .init("libcurl", CurlGlobal.version),
                    ])
            ])
        server = WebServer(
            host: address.host, port: Int(address.port), api: api?.0,
            metrics: { MetricFamily.text([build] + metrics()) }, logger: logger)
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
            group.addTask { try await self.serve() }
            let port = try await raceListening(&group)
            let awaited = parts.filter(\.isAwaited).count
            if awaited == 0 { announce(port) }
            let ready = Mutex(0)
            let isReady: @Sendable () -> Void = {
                let count = ready.withLock { count in
                    count += 1
                    return count
                }
                if count == awaited { self.announce(port) }
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

    private func serve() async throws {
        do {
            try await server.run()
        } catch let failure as WebServer.Failure {
            throw CommandFailure("--listen \(address): \(failure)", exit: .failed)
        }
    }

    private func raceListening(_ group: inout ThrowingTaskGroup<Void, any Error>) async throws -> Int {
        do {
            return try await server.waitUntilListening()
        } catch {
            // The server's own error says more than the wait's.
            try await group.next()
            throw error
        }
    }

    private func announce(_ port: Int) {
        server.setReady(true)
        var metadata: Logger.Metadata = [
            "role": "\(role)", "listen": "\(address.host):\(port)", "version": "\(Version.text)",
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
        server.setReady(false)
        if let requestGrace { await server.stop(grace: requestGrace) }
        let stop = stop
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await stop.drain() }
            group.addTask { for await _ in SignalStream.make() { await stop.hurry() } }
            await group.next()
            group.cancelAll()
        }
        await server.stop(grace: 500)
        logger.notice("stopped")
        throw Stopped()
    }
}
