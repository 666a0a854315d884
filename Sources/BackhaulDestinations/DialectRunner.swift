internal import BackhaulDomain
package import BackhaulFiles
package import BackhaulTransfer
package import BackhaulUnits

/// Carries out the steps of dialects.
package struct DialectRunner: Sendable {
    package let engine: TransferEngine
    package let pool: ReaderPool
    private let store: LocalStore
    private let wall: @Sendable () -> Timestamp

    /// Bytes a second below which the reading of a file counts as hanging.
    package static let slowestHash = 1 << 20
    /// The time to open a file and to read a small one. A file system that takes longer hangs.
    package static let openLimit = Duration.seconds(30)

    /// - Parameter wall: the wall clock.
    package init(engine: TransferEngine, pool: ReaderPool, wall: @escaping @Sendable () -> Timestamp) {
        self.engine = engine
        self.pool = pool
        store = LocalStore(pool: pool)
        self.wall = wall
    }

    /// What a run has besides its dialect.
    package struct Run: Sendable {
        /// Ends the step that runs.
        package var interruption: Interruption
        package var progress: TransferProgress?
        /// What an earlier attempt saved.
        package var state: [UInt8]?
        /// Returns once the state is in the log; nil where nothing is saved.
        package var save: (@Sendable ([UInt8], Interruption) async throws -> Void)?

        package init(
            interruption: Interruption = Interruption(), progress: TransferProgress? = nil, state: [UInt8]? = nil,
            save: (@Sendable ([UInt8], Interruption) async throws -> Void)? = nil
        ) {
            self.interruption = interruption
            self.progress = progress
            self.state = state
            self.save = save
        }

        /// The same for a step that looks at what is there.
        package var looking: Run { Run(interruption: interruption) }
    }

    /// - Returns: the object; nil when there is none.
    /// - Throws: `Failure`; `CancellationError` when the run is interrupted or the calling task is cancelled.
    package func run(_ dialect: any Dialect, _ run: Run = Run()) async throws -> StoredObject? {
        if case .stored(let object) = try await end(of: dialect, run) { object } else { nil }
    }

    /// How a dialect ends.
    /// - Throws: as `run`.
    package func end(of dialect: any Dialect, _ run: Run = Run()) async throws -> DialectEnd {
        var dialect = dialect
        let digest = SourceDigest()
        var step = dialect.begin(DialectStart(now: wall(), state: run.state))
        while true {
            guard !run.interruption.isInterrupted, !Task.isCancelled else { throw CancellationError() }
            switch step {
            case .stored(let object): return .stored(object)
            case .failed(let failure): throw failure
            case .absent: return .absent
            case .swept(let count): return .swept(count)
            case .together(let steps): return try await together(&dialect, steps, run, digest)
            case .request, .place, .digest, .save:
                step = dialect.next(try await report(step, run, run.interruption, digest), now: wall())
            }
        }
    }

    /// Runs steps side by side until the dialect ends.
    private func together(
        _ dialect: inout any Dialect, _ first: [Step], _ run: Run, _ digest: SourceDigest
    ) async throws -> DialectEnd {
        let family = InterruptionFamily()
        run.interruption.arm { family.interrupt() }
        defer { run.interruption.disarm() }
        return try await withThrowingTaskGroup(of: TransferReport.self) { group in
            // Those that still run when the dialect ends, or fails, are cancelled and awaited by the group.
            defer { group.cancelAll() }
            var steps = first
            var running = 0
            while true {
                for step in steps {
                    switch step {
                    case .stored(let object): return .stored(object)
                    case .failed(let failure): throw failure
                    case .absent: return .absent
                    case .swept(let count): return .swept(count)
                    case .together: throw Failure(.transient, "internal error: a dialect nests its steps")
                    case .request, .place, .digest, .save:
                        let own = family.member()
                        running += 1
                        group.addTask { try await self.report(step, run, own, digest) }
                    }
                }
                guard running > 0, let report = try await group.next() else {
                    throw Failure(.transient, "internal error: a dialect waits for nothing")
                }
                running -= 1
                guard !run.interruption.isInterrupted, !Task.isCancelled else { throw CancellationError() }
                switch dialect.next(report, now: wall()) {
                case .together(let next): steps = next
                case let step: steps = [step]
                }
            }
        }
    }

    private func report(
        _ step: Step, _ run: Run, _ interruption: Interruption, _ digest: SourceDigest
    ) async throws -> TransferReport {
        switch step {
        case .request(var request):
            request.progress = run.progress
            do {
                var report = try await engine.run(request, interruption: interruption)
                report.tag = request.tag
                return report
            } catch let failure as TransferError {
                throw failure.classified
            }
        case .place(let placement):
            return try await store.place(placement, interruption: interruption, progress: run.progress)
        case .digest(let request):
            var report = TransferReport()
            report.tag = request.tag
            report.digest = try await self.digest(request, interruption, digest)
            return report
        case .save(let state):
            guard state.count <= TaskProgress.largestState else {
                throw Failure(
                    .permanent, "what the destination needs to go on with an upload, \(state.count) bytes, is too long")
            }
            try await run.save?(state, interruption)
            return TransferReport()
        case .together, .stored, .failed, .absent, .swept:
            return TransferReport()
        }
    }

    /// Reads and hashes a part of a source.
    /// - Parameter digest: of the parts before it.
    /// - Throws: `Failure`; `CancellationError`.
    package func digest(
        _ request: DigestRequest, _ interruption: Interruption, _ digest: SourceDigest = SourceDigest()
    ) async throws -> PartDigest {
        let limit = Self.openLimit + .seconds(request.size.count / Self.slowestHash)
        defer { interruption.disarm() }
        do {
            return try await withTaskCancellationHandler {
                try await pool.run(within: limit, pulse: nil) { hurry in
                    interruption.arm { hurry(.zero) }
                } _: {
                    do {
                        return try digest.read(request) { interruption.isInterrupted }
                    } catch let error as SourceFile.ReadError {
                        throw TransferError(error).classified
                    }
                }
            } onCancel: {
                interruption.interrupt()
            }
        } catch is Overdue {
            throw Failure(
                .transient, "reading the file took longer than \(limit.components.seconds) s", isOfSource: true)
        }
    }
}
