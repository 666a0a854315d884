package import BackhaulDestinations
package import BackhaulDomain
package import BackhaulTransfer

/// Does one attempt: opens the source, asks the dialect, carries out its steps.
package struct UploadExecution: Sendable {
    private let destinations: LiveDestinations
    private let roots: SourceRoots
    private let engine: TransferEngine
    private let store: LocalStore
    private let pool: ReaderPool

    /// Files up to this size are read before the request is made, in one go.
    private static let loadedSize: UInt64 = 128 << 10

    package init(
        destinations: LiveDestinations, roots: SourceRoots, engine: TransferEngine, store: LocalStore, pool: ReaderPool
    ) {
        self.destinations = destinations
        self.roots = roots
        self.engine = engine
        self.store = store
        self.pool = pool
    }

    /// How the destination of a task wants its uploads ordered; none when it is not known.
    package func order(of task: UploadTask) -> Destination.Order {
        (try? destinations.table.resolve(task.destination.place))?.order ?? .none
    }

    /// - Throws: `Failure`; `CancellationError` when the calling task is cancelled.
    package func attempt(_ task: UploadTask) async throws -> StoredObject {
        let destination = try destinations.table.resolve(task.destination.place)
        // Nothing is opened for a destination that keeps nothing.
        if case .drop = destination.kind { return Drop.object }
        if case .url(let url) = task.destination.place {
            do {
                let engine = engine
                try await pool.run { try engine.requireAllowed(url) }
            } catch let failure as TransferFailure {
                throw failure.classified
            }
        }
        let body = try await pool.run { try open(task) }
        var dialect = destination.upload(key: task.destination.key, body: body, contentType: task.contentType)
        var step = dialect.begin()
        while true {
            try Task.checkCancellation()
            switch step {
            case .request(let request):
                do {
                    step = dialect.next(try await engine.run(request))
                } catch let failure as TransferFailure {
                    throw failure.classified
                }
            case .place(let placement):
                step = dialect.next(try await store.place(placement))
            case .stored(let object):
                return object
            case .failed(let failure):
                throw failure
            }
        }
    }

    /// Opens the source and holds it against what was accepted. Blocks.
    private func open(_ task: UploadTask) throws -> TransferBody {
        let root: OpenRoot
        do {
            root = try roots.open(task.source.root)
        } catch {
            switch error {
            case .unknown: throw Failure(.permanent, error.description)
            case .unfit: throw Failure(.rootUnfit, error.description)
            }
        }
        let file: SourceFile
        do {
            file = try SourceFile(path: task.source.path, below: root.descriptor)
        } catch let error as SourceFile.OpenError {
            switch error {
            case .missing(let text): throw Failure(.sourceGone, "the file is gone: \(text)")
            case .unreadable(let text): throw Failure(.permanent, "the file cannot be read: \(text)")
            case .unavailable(let text): throw Failure(.transient, "the file cannot be opened now: \(text)")
            case .notAFile(let text): throw Failure(.sourceChanged, text)
            case .stale(let text): throw Failure(.rootUnfit, "the medium does not answer: \(text)")
            }
        }
        guard file.size == task.size, file.fingerprint.modifiedAt == task.modifiedAt else {
            throw Failure(
                .sourceChanged,
                "the file has changed since it was accepted (\(task.size) bytes then, \(file.size) now); submit it again"
            )
        }
        guard file.size <= Self.loadedSize else { return .file(file) }
        do {
            return .bytes(try file.load())
        } catch {
            throw error.classified
        }
    }
}
