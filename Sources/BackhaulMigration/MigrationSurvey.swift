package import BackhaulDomain
package import BackhaulLog
internal import BackhaulRecords
package import BackhaulUnits

/// What an embedded log holds that a cluster needs. Read before anything is copied.
package struct MigrationSurvey: Sendable {
    /// Unfinished tasks that need something of a worker.
    package struct Need: Hashable, Sendable {
        package var tasks = 0
        package var size = ByteCount.zero
    }

    /// Unfinished tasks without a result.
    package private(set) var tasks = 0
    package private(set) var size = ByteCount.zero
    /// Records of results, whatever can be read of them.
    package private(set) var results = 0
    package private(set) var deadLetters = 0
    package private(set) var acts = 0
    /// Replays, discards and muted issues.
    package var replays: Int {
        control.keys.count { key in
            switch key {
            case .replay, .mute: true
            case .replayState, .replayOrder, .turn: false
            }
        }
    }
    /// Unfinished records that are not tasks; they become dead letters in the cluster.
    package private(set) var malformed = 0
    /// Records without a valid signature, of any kind: they read as nothing.
    package private(set) var unsigned = 0
    /// By the source roots that the unfinished tasks name.
    package private(set) var roots: [ByteText: Need] = [:]
    /// Unfinished tasks that a worker would refuse, by its words.
    package private(set) var refusals: [String: Need] = [:]

    let layout: TopicLayout
    private let refusal: @Sendable (UploadTask) -> String?
    /// The partitions to copy, in order: what ended a task before the task.
    private(set) var partitions: [PartitionBounds] = []
    /// The latest record of each key about replays and issues; of one that is removed, none.
    private var control: [ControlRecord.Key: LogPosition] = [:]
    private(set) var checkpoints: [LogPosition: Checkpoint] = [:]
    private var positions: [String: [TopicPartition: FinishedPosition]] = [:]
    /// Unfinished generations, and those of them that have a result, or an outcome that gives them one.
    private var unfinished = GenerationSet()
    private var ended = GenerationSet()

    /// Reads the log.
    /// - Parameter refusal: why a worker of the cluster would refuse a task; nil when it takes it.
    /// - Throws: `LogError`.
    package static func read(
        _ log: any MessageLog, _ layout: TopicLayout, refusal: @escaping @Sendable (UploadTask) -> String?
    ) async throws -> MigrationSurvey {
        var survey = MigrationSurvey(layout: layout, refusal: refusal)
        for group in layout.workGroups {
            survey.positions[group] = try await log.positions(of: group).mapValues(FinishedPosition.init)
        }
        try await survey.readCheckpoints(log)
        let names = try await log.topics().map(\.name)
        let work = [layout.tasks, layout.largeTasks] + names.filter { layout.tier(of: $0) != nil }.sorted()
        // Letters before results, as workers write them: an audit in between misses none.
        for topic in [layout.control, layout.deadLetters, layout.results, layout.outcomes, layout.acts] + work
        where names.contains(topic) {
            survey.partitions += try await log.bounds(topic)
        }
        let isWork = Set(work)
        // The tasks first: of the results and outcomes only those of unfinished tasks matter.
        let tasks = survey.partitions.filter { isWork.contains($0.partition.topic) }
        for bounds in tasks {
            try await log.scan(bounds.partition, from: bounds.earliest, to: bounds.end) { records in
                for stored in records where survey.isUnfinished(stored.position) { survey.noteUnfinished(stored) }
            }
        }
        for bounds in survey.partitions where !isWork.contains(bounds.partition.topic) {
            try await log.scan(bounds.partition, from: bounds.earliest, to: bounds.end) { records in
                for stored in records { survey.note(stored) }
            }
        }
        for bounds in tasks {
            try await log.scan(bounds.partition, from: bounds.earliest, to: bounds.end) { records in
                for stored in records { survey.count(stored) }
            }
        }
        return survey
    }

    private init(layout: TopicLayout, refusal: @escaping @Sendable (UploadTask) -> String?) {
        self.layout = layout
        self.refusal = refusal
    }

    // MARK: What the copy asks

    /// Whether the record has not been finished by the group that works on its topic.
    func isUnfinished(_ position: LogPosition) -> Bool {
        let known = positions[layout.workGroup(of: position.partition.topic)]?[position.partition]
        return known?.isFinished(position.offset) != true
    }

    /// Whether the generation waits to be uploaded: it is unfinished, and nothing has ended it.
    func isWaiting(_ task: TaskGeneration) -> Bool { unfinished.contains(task) && !ended.contains(task) }

    /// What a record says of replays and issues, where no later one says it of the same.
    func replayRecord(_ stored: StoredRecord) -> (key: ControlRecord.Key, content: ControlRecord.Content)? {
        guard let read = try? ControlRecord.read(stored.record), control[read.key] == stored.position else {
            return nil
        }
        return read
    }

    // MARK: Reading

    private mutating func readCheckpoints(_ log: any MessageLog) async throws {
        var found: [LogPosition: Checkpoint] = [:]
        for bounds in try await log.bounds(layout.checkpoints) {
            try await log.scan(bounds.partition, from: bounds.earliest, to: bounds.end) { records in
                for stored in records {
                    guard let key = stored.record.key, let position = CheckpointRecord.position(ofKey: key),
                        isUnfinished(position)
                    else { continue }
                    found[position] = try? CheckpointRecord.read(stored.record)
                }
            }
        }
        checkpoints = found
    }

    private mutating func noteUnfinished(_ stored: StoredRecord) {
        guard let read = try? TaskRecord.read(stored.record) else { return }
        unfinished.insert(read.generation)
    }

    private mutating func note(_ stored: StoredRecord) {
        if stored.position.partition.topic == layout.control {
            guard stored.record.key.flatMap(ControlRecord.Key.init) != nil else { return }
            noteSignature(stored)
            guard let (key, content) = try? ControlRecord.read(stored.record) else { return }
            control[key] = content == .removed ? nil : stored.position
            return
        }
        noteSignature(stored)
        switch stored.position.partition.topic {
        case layout.results:
            results += 1
            // A task whose result cannot be copied is copied itself.
            guard let (task, _) = ResultRecord.ending(stored.record), unfinished.contains(task),
                MovedResult(stored.record, layout) != nil
            else { return }
            ended.insert(task)
        case layout.outcomes:
            // One that the acknowledger has not read yet, such as a caller's cancel.
            guard isUnfinished(stored.position), let outcome = try? OutcomeRecord.read(stored.record),
                outcome.kind.isTerminal
            else { return }
            if unfinished.contains(outcome.task) { ended.insert(outcome.task) }
        case layout.deadLetters: deadLetters += 1
        default: acts += 1
        }
    }

    private mutating func noteSignature(_ stored: StoredRecord) {
        if stored.record.header(HeaderName.refused) != nil { unsigned += 1 }
    }

    private mutating func count(_ stored: StoredRecord) {
        guard isUnfinished(stored.position) else { return }
        noteSignature(stored)
        guard let read = try? TaskRecord.read(stored.record) else {
            malformed += 1
            return
        }
        guard !ended.contains(read.generation) else { return }
        tasks += 1
        size = size + read.task.size
        roots[read.task.source.root, default: Need()].add(read.task.size)
        if let refusal = refusal(read.task) { refusals[refusal, default: Need()].add(read.task.size) }
    }
}

extension MigrationSurvey.Need {
    fileprivate mutating func add(_ file: ByteCount) {
        tasks += 1
        size = size + file
    }
}
