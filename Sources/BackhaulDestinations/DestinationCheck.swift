package import BackhaulDomain
internal import BackhaulFiles
internal import BackhaulTransfer
internal import BackhaulUnits
internal import Foundation
internal import Synchronization

/// A round trip through a destination: what its uploads need, tried with an object of its own.
package struct DestinationCheck: Sendable {
    package enum Stage: String, Hashable, Sendable, CaseIterable {
        case write
        case look
        case readBack = "read back"
        /// An upload is interrupted, and another attempt goes on with it.
        case resume
        case remove

        /// Whether it needs the object under a name.
        var isOfObject: Bool { self == .look || self == .readBack }
    }

    package enum Finding: Hashable, Sendable {
        case passed(String)
        case failed(Failure)
        /// There is nothing to try.
        case skipped(String)
    }

    private let destination: Destination
    private let runner: DialectRunner
    /// For the files that are uploaded.
    private let folder: String
    /// No other object has such a key.
    package let key: ByteText

    /// - Parameter folder: an empty folder, for files of the check.
    package init(_ destination: Destination, _ runner: DialectRunner, folder: String) {
        self.destination = destination
        self.runner = runner
        self.folder = folder
        key = ByteText("backhaul-check/\(UUID().uuidString)")
    }

    /// - Parameter onFinding: called at the end of each stage. Those behind a failure that needs its success are left
    ///   out.
    /// - Returns: whether all passed.
    /// - Throws: `CancellationError`.
    package func run(_ onFinding: (Stage, Finding) -> Void) async throws -> Bool {
        // A destination may name its objects itself.
        var names = [key, ByteText("\(key)-parts")]
        let isGood = try await tryAll(&names, onFinding)
        // Whatever failed: nothing stays.
        let removal = try await remove(names)
        if isGood { onFinding(.remove, removal) }
        return isGood
    }

    /// - Parameter names: of the objects.
    private func tryAll(_ names: inout [ByteText], _ onFinding: (Stage, Finding) -> Void) async throws -> Bool {
        let small = ByteCount(10_000)
        var isGood = true
        func make(_ stage: Stage, _ body: () async throws -> Finding) async throws -> Bool {
            let finding: Finding
            do {
                finding = try await body()
            } catch let failure as Failure
                where failure.kind == .permanent && stage.isOfObject && type(of: destination.type).namesObjects
            {
                finding = .skipped(failure.message)
            } catch let failure as Failure {
                finding = .failed(failure)
            } catch let error as CancellationError {
                throw error
            } catch {
                finding = .failed(Failure(.transient, "the file of the check: \(error)", isOfSource: true))
            }
            onFinding(stage, finding)
            guard case .failed = finding else { return true }
            isGood = false
            return false
        }
        let path = try file("small", small)
        guard
            try await make(
                .write,
                {
                    let object = try await runner.run(upload(key, try open(path)))
                    note(object?.keptName, 0, &names)
                    return .passed("\(small) bytes, verification \(object?.verification.rawValue ?? "none")")
                })
        else { return false }
        guard type(of: destination.type).readsSource else {
            for stage in [Stage.look, .readBack, .resume] {
                onFinding(stage, .skipped("the destination keeps nothing"))
            }
            return true
        }
        _ = try await make(.look) { try await look(names[0], small) }
        _ = try await make(.readBack) { try await readBack(names[0], try open(path)) }
        _ = try await make(.resume) {
            let (finding, name) = try await resume(names[1])
            if case .passed = finding { note(name, 1, &names) }
            return finding
        }
        return isGood
    }

    /// Notes under which name an object is; of one that nobody knows nothing can be removed.
    private func note(_ name: ByteText?, _ index: Int, _ names: inout [ByteText]) {
        if let name { names[index] = name } else if type(of: destination.type).namesObjects { names[index] = "" }
    }

    private func upload(_ key: ByteText, _ file: SourceFile) -> any Dialect {
        // As uploads ask for it: not every server knows the condition.
        destination.type.upload(
            key: key, body: .file(file), contentType: "", onlyIfAbsent: destination.overwrite != .replace)
    }

    private func look(_ key: ByteText, _ size: ByteCount) async throws -> Finding {
        guard let object = try await runner.run(destination.type.look(key: key)) else {
            throw Failure(.integrity, "the destination does not find what was just written")
        }
        guard object.size == size else {
            throw Failure(.integrity, "the object has \(object.size) bytes, \(size) were sent")
        }
        return .passed("\(object.size) bytes")
    }

    private func readBack(_ key: ByteText, _ source: SourceFile) async throws -> Finding {
        guard let object = try await runner.run(destination.type.readBack(key: key)) else {
            throw Failure(.integrity, "the destination does not find what was just written")
        }
        guard object.sha256 == (try await digest(source)) else {
            throw Failure(.integrity, "the object's bytes are not those that were sent")
        }
        return .passed("the same bytes")
    }

    private func digest(_ source: SourceFile) async throws -> String {
        try await runner.digest(DigestRequest(file: source, offset: .zero, size: source.size), Interruption()).sha256
    }

    /// - Returns: and the name of the object.
    private func resume(_ key: ByteText) async throws -> (Finding, ByteText?) {
        let size: ByteCount
        switch destination.type.resumption {
        case .none: return (.skipped("an upload begins again after a crash"), nil)
        case .asked: return (.skipped("an upload goes on behind what the server has"), nil)
        case .saved(let from): size = from
        }
        let source = try open(try file("large", size))
        let saved = Mutex<[UInt8]?>(nil)
        let interruption = Interruption()
        do {
            _ = try await runner.run(
                upload(key, source),
                DialectRunner.Run(interruption: interruption) { state, _ in
                    saved.withLock { $0 = state }
                    interruption.interrupt()
                })
        } catch is CancellationError {
            guard !Task.isCancelled else { throw CancellationError() }
        }
        guard let state = saved.withLock({ $0 }) else {
            throw Failure(.permanent, "an upload of \(size) bytes has left nothing to go on with")
        }
        let name: ByteText?
        do {
            guard let object = try await runner.run(upload(key, source), DialectRunner.Run(state: state)),
                object.sha256 == (try await digest(source))
            else { throw Failure(.integrity, "the object is not what was sent") }
            name = object.keptName
        } catch {
            if let dialect = destination.type.discard(key: key, state: state) { _ = try? await runner.run(dialect) }
            throw error
        }
        return (.passed("\(size) bytes, begun by one attempt and ended by another"), name)
    }

    private func remove(_ keys: [ByteText]) async throws -> Finding {
        guard !keys.contains("") else {
            return .skipped("the server keeps the check's objects under names that it does not tell; remove them there")
        }
        for key in keys {
            do {
                _ = try await runner.run(destination.type.remove(key: key))
            } catch let failure as Failure {
                return .skipped("\(failure.message); uploads do not need that, but remove \(key) yourself")
            }
        }
        return .passed("the check's objects")
    }

    /// A file of random bytes.
    /// - Returns: its name in the folder.
    private func file(_ name: String, _ size: ByteCount) throws -> String {
        let path = "\(folder)/\(name)"
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw Failure(.transient, "\(path) cannot be written", isOfSource: true) }
        var left = size.count
        while left > 0 {
            let count = min(left, 1 << 20)
            let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                var generator = SystemRandomNumberGenerator()
                for index in buffer.indices { buffer.initializeElement(at: index, to: generator.next()) }
                filled = count
            }
            try handle.write(contentsOf: bytes)
            left -= count
        }
        try handle.close()
        return name
    }

    private func open(_ name: String) throws -> SourceFile {
        let root = Foundation.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(root) }
        return try SourceFile(path: name, below: root)
    }
}
