package import BackhaulDomain
package import BackhaulLog
package import BackhaulRecords
internal import BackhaulUnits

/// Decides what a replay does with dead letters, from what the log says of their tasks. Reads in two passes: first the
/// letters, so that memory is bounded by them; then the records of tasks and results.
package struct LetterJudge: Sendable {
    /// Those that hold: an operator may add one, or take one back.
    package var discards: [ReplayRecord]
    /// The replay that asks; its own tasks do not count as replayed before.
    private let replay: String?
    /// The next generation of each letter, and whether it exists.
    private var generations: [NameDigest: Standing] = [:]
    /// The next generations that the replay that asks has appended.
    private var own: Set<NameDigest> = []
    /// When an object was last stored at the place of a letter.
    private var places: [NameDigest: Timestamp?] = [:]

    private enum Standing: UInt8 {
        case missing
        case there
        case succeeded
    }

    /// - Parameters:
    ///   - discards: those that hold (`ReplayBook.discards`).
    ///   - replay: the id of the replay that asks; nil for none.
    package init(discards: [ReplayRecord], replay: String? = nil) {
        self.discards = discards
        self.replay = replay
    }

    /// Remembers a letter that a replay may take.
    package mutating func expect(_ letter: DeadLetter) {
        guard let task = letter.task, let next = letter.generation?.next else { return }
        let digest = next.digest
        if generations[digest] == nil { generations[digest] = .missing }
        let place = Self.place(task.destination.label, task.destination.key, of: task.identity.tenant)
        if places[place] == nil { places[place] = .some(nil) }
    }

    /// Whether anything is expected: else no record has to be read.
    package var isEmpty: Bool { generations.isEmpty }

    /// Notes a record of the task topics or the dead letters, which may be a later generation.
    package mutating func note(task record: LogRecord) {
        guard TaskRecord.isReplay(record), let read = try? TaskRecord.read(record) else { return }
        note(read.generation, .there, isOwn: replay != nil && read.progress.replay == replay)
    }

    /// Notes a record of the results.
    package mutating func note(result record: LogRecord) {
        guard let (task, status) = ResultRecord.ending(record) else { return }
        // A cancelled task is not replayed, even when a letter came after the cancel.
        if status == .cancelled, let next = task.next { note(next, .there) }
        if task.generation > 0 {
            let isOwn = replay != nil && record.header(CloudEvent.replay)?.text == replay
            note(task, status == .succeeded ? .succeeded : .there, isOwn: isOwn)
        }
        guard status == .succeeded, let document = try? ResultRecord.read(record),
            let finished = TimeText.parse(document.finishedAt)
        else { return }
        let place = Self.place(document.destination, document.key, of: document.tenant)
        guard let known = places[place] else { return }
        places[place] = max(known ?? .earliest, finished.timestamp)
    }

    private mutating func note(_ task: TaskGeneration, _ standing: Standing, isOwn: Bool = false) {
        let digest = task.digest
        if isOwn, generations[digest] != nil { own.insert(digest) }
        guard let known = generations[digest], known.rawValue < standing.rawValue else { return }
        generations[digest] = standing
    }

    /// Notes that the next generation of a letter is appended.
    /// - Parameter isOwn: whether by the replay that asks.
    package mutating func append(_ letter: DeadLetter, isOwn: Bool) {
        guard let next = letter.generation?.next else { return }
        note(next, .there, isOwn: isOwn)
    }

    /// Whether the replay that asks has appended the letter's next generation.
    package func isOwn(_ letter: DeadLetter) -> Bool { letter.generation?.next.map(owns) ?? false }

    /// Whether the replay that asks has appended this generation.
    package func owns(_ task: TaskGeneration) -> Bool { own.contains(task.digest) }

    /// - Parameter letter: one that is expected, or that holds no task.
    package func judge(_ letter: DeadLetter) -> LetterJudgement {
        guard let task = letter.task, let generation = letter.generation, let next = generation.next else {
            return discard(of: letter).map { .discarded(id: $0) } ?? .unusable
        }
        switch generations[next.digest] {
        case .there: return .replayed
        case .succeeded: return .succeeded
        case .missing, nil: break
        }
        if let id = discard(of: letter) { return .discarded(id: id) }
        let place = Self.place(task.destination.label, task.destination.key, of: task.identity.tenant)
        if let stored = places[place] ?? nil, stored > letter.failedAt ?? .latest { return .superseded }
        return .due
    }

    private static func place(_ destination: ByteText, _ key: ByteText, of tenant: ByteText) -> NameDigest {
        NameDigest([tenant, destination, key])
    }

    private func discard(of letter: DeadLetter) -> String? {
        discards.first { $0.covers(letter) && $0.selection.takes(letter) }?.id
    }
}
