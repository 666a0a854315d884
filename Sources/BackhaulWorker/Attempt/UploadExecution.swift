package import BackhaulDestinations
package import BackhaulDomain
package import BackhaulFiles
internal import BackhaulTransfer
internal import BackhaulUnits

/// Makes one attempt: opens the source, then runs the steps of the destination's dialect.
package struct UploadExecution: Sendable {
    private let destinations: LiveDestinations
    private let roots: RootCache
    private let runner: DialectRunner
    private let hanging = HangingRoots()

    /// Files of up to this size are read whole before the request is made.
    private static let loadedSize = ByteCount(128 << 10)

    package init(destinations: LiveDestinations, roots: SourceRoots, runner: DialectRunner) {
        self.destinations = destinations
        self.roots = RootCache(roots)
        self.runner = runner
    }

    /// The order that the task's destination requires; none when the destination is unknown.
    package func order(of task: UploadTask) -> Destination.Order {
        (try? destinations.table.resolve(task.destination.target))?.order ?? .none
    }

    /// Makes one attempt.
    func make(_ task: UploadTask, _ run: DialectRunner.Run) async -> AttemptEnd {
        do {
            return .stored(try await attempt(task, run))
        } catch let failure as Failure {
            return .failed(failure)
        } catch is CancellationError {
            return .stopped
        } catch {
            return .failed(Failure(.transient, "\(error)"))
        }
    }

    /// - Throws: `Failure`; `CancellationError` when the work is interrupted or the calling task is cancelled.
    package func attempt(
        _ task: UploadTask, _ run: DialectRunner.Run = DialectRunner.Run()
    ) async throws -> StoredObject {
        run.progress?.restart()
        let destination = try destinations.table.resolve(task)
        let body = type(of: destination.type).readsSource ? try await load(task, run.interruption) : .none
        var stored = try await storeByPolicy(task, body, at: destination, run)
        stored.attributes = body.attributes
        return stored
    }

    /// Stores the body as the destination's `overwrite` says.
    private func storeByPolicy(
        _ task: UploadTask, _ body: TransferBody, at destination: Destination, _ run: DialectRunner.Run
    ) async throws -> StoredObject {
        guard destination.overwrite != .replace, !type(of: destination.type).namesObjects else {
            return try await upload(task, to: destination, task.destination.key, body, run)
        }
        var plan = OverwritePlan(destination.overwrite, key: task.destination.key, size: task.size)
        var step = plan.begin()
        while true {
            switch step {
            case .look(let key):
                step = plan.next(.looked(try await runner.run(destination.type.look(key: key), run.looking)))
            case .readBack(let key):
                step = plan.next(.read(try await runner.run(destination.type.readBack(key: key), run.looking)))
            case .hash:
                step = plan.next(.hashed(sha256: try await hash(body, run.interruption)))
            case .upload(let key, let onlyIfAbsent):
                do {
                    var stored = try await upload(task, to: destination, key, body, run, onlyIfAbsent)
                    if key != task.destination.key { stored.keptName = key }
                    return stored
                } catch let failure as Failure where failure.kind == .keyTaken {
                    step = plan.next(.taken)
                }
            case .isStored(let key, var object):
                // An upload that an earlier attempt began is not needed any more.
                if let state = run.state, let dialect = destination.type.discard(key: key, state: state) {
                    _ = try? await runner.run(dialect, run.looking)
                }
                if key != task.destination.key { object.keptName = key }
                object.wasStored = true
                return object
            case .failed(let failure): throw failure
            }
        }
    }

    private func upload(
        _ task: UploadTask, to destination: Destination, _ key: ByteText, _ body: TransferBody,
        _ run: DialectRunner.Run, _ onlyIfAbsent: Bool = false
    ) async throws -> StoredObject {
        let dialect = destination.type.upload(
            key: key, body: body, contentType: task.contentType, onlyIfAbsent: onlyIfAbsent)
        guard let object = try await runner.run(dialect, run) else {
            throw Failure(.integrity, "the object is not at its destination")
        }
        return object
    }

    /// Removes what an upload that will not be resumed has left at its destination.
    /// - Throws: `Failure`; `CancellationError`.
    func discard(_ task: UploadTask, state: [UInt8]) async throws {
        let destination = try destinations.table.resolve(task)
        guard let dialect = destination.type.discard(key: task.destination.key, state: state) else { return }
        _ = try await runner.run(dialect)
    }

    /// The SHA-256 of the source, lower-case hex.
    private func hash(_ body: TransferBody, _ interruption: Interruption) async throws -> String {
        switch body {
        case .none: return ""
        case .bytes(let loaded): return loaded.sha256
        case .file(let file):
            return try await runner.digest(
                DigestRequest(file: file, offset: .zero, size: file.size), interruption
            ).sha256
        case .slice(let slice):
            return try await runner.digest(
                DigestRequest(file: slice.file, offset: slice.offset, size: slice.size), interruption
            ).sha256
        }
    }

    private func load(_ task: UploadTask, _ interruption: Interruption) async throws -> TransferBody {
        let engine = runner.engine
        let hanging = hanging
        let phase = OpenPhase()
        // Each open that hangs keeps a thread.
        guard !hanging.isFull(task.source.root) else {
            throw Failure(.rootUnavailable, "the source root '\(task.source.root)' still does not answer")
        }
        defer { interruption.disarm() }
        do {
            return try await runner.pool.run(within: DialectRunner.openLimit, pulse: nil) { hurry in
                interruption.arm { hurry(.zero) }
            } _: {
                defer { if phase.end() { hanging.leave(task.source.root) } }
                phase.enter(.resolving)
                if case .url(let url) = task.destination.target {
                    do {
                        try engine.requireAllowed(url.text)
                    } catch let failure as TransferError {
                        throw failure.classified
                    }
                }
                phase.enter(.opening)
                return try open(task)
            }
        } catch is Overdue {
            let seconds = DialectRunner.openLimit.components.seconds
            switch phase.overdue({ hanging.enter(task.source.root) }) {
            case .waiting:
                // All threads are busy, for which the task should not pay.
                throw CancellationError()
            case .resolving:
                throw Failure(.transient, "the destination's name has not resolved for \(seconds) s")
            case .opening, .ended:
                throw Failure(
                    .rootUnavailable, "the source root '\(task.source.root)' has not answered for \(seconds) s")
            }
        }
    }

    /// Opens the source and compares it with what was accepted. Blocks.
    private func open(_ task: UploadTask) throws -> TransferBody {
        // A cached root is used only if the file matches: a file that differs may belong to a tree that has been
        // replaced.
        if let root = roots.kept(task.source.root),
            let file = try? SourceFile(path: task.source.path.text, below: root.descriptor), Self.isSame(file, task)
        {
            return try body(file, of: task)
        }
        let root: OpenRoot
        do {
            root = try roots.open(task.source.root)
        } catch {
            // One that is not known may be configured later: a fleet's configuration does not reach all at once.
            throw Failure(.rootUnavailable, error.description)
        }
        let file: SourceFile
        do {
            file = try SourceFile(path: task.source.path.text, below: root.descriptor)
        } catch let error as SourceFile.OpenError {
            switch error {
            case .missing(let text): throw Failure(.sourceGone, "the file is gone: \(text)")
            case .unreadable(let text): throw Failure(.permanent, "the file cannot be read: \(text)")
            case .unavailable(let text):
                throw Failure(
                    .transient, "the file cannot be opened now: \(text)", isOfSource: true)
            case .notAFile(let text): throw Failure(.sourceChanged, text)
            case .stale(let text): throw Failure(.rootUnavailable, "the medium does not respond: \(text)")
            }
        }
        return try body(file, of: task)
    }

    private static func isSame(_ file: SourceFile, _ task: UploadTask) -> Bool {
        file.size == task.size && file.fingerprint.modifiedAt == task.modifiedAt
    }

    private func body(_ file: SourceFile, of task: UploadTask) throws -> TransferBody {
        guard Self.isSame(file, task) else {
            throw Failure(
                .sourceChanged,
                "the file has changed since it was accepted (\(task.size) bytes then, \(file.size) now); "
                    + "submit it again")
        }
        guard file.size <= Self.loadedSize else { return .file(file) }
        do {
            return .bytes(try file.load())
        } catch {
            throw TransferError(error).classified
        }
    }
}
