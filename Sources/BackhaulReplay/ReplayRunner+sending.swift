internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulTelemetry
internal import BackhaulUnits
internal import Logging

/// Appends the tasks of replays.
extension ReplayRunner {
    /// Appends the next tasks of a replay, with its state.
    func send(_ id: String, _ session: any LogSession) async throws {
        guard var replay = replays[id] else { return }
        let record = replay.machine.replay
        let reader = LetterReader(log: log, layout: layout, topic: record.topic)
        do {
            if let judge = replay.judge {
                var known = judge
                known.judge.discards = book.discards
                try await reader.catchUp(&known.judge, &known.cursors)
                replay.judge = known
            } else {
                replay.judge = try await reader.judge(
                    record.selection, in: record.letters, discards: book.discards, replay: id)
            }
            let picker = LetterPicker(replay: replay, reader: reader, routing: routing)
            let batch =
                switch replay.machine.need(at: clock.now) {
                case .canary(let each): try await picker.canary(each)
                case .letters(let most): try await picker.letters(most)
                case .time, .results, .nothing: LetterBatch()
                }
            try await send(batch, replay, session)
        } catch let error as LogError where error != .closed && (!error.mayPass || isForeign(record)) {
            // What one replay cannot read or write ends that replay, and holds up no other.
            logger.warning("a replay stops", metadata: ["replay": "\(id)", "error": "\(error)"])
            replays[id]?.machine.fail("\(error)", wall: clock.wall)
        }
    }

    private func isForeign(_ replay: ReplayRecord) -> Bool { replay.topic != layout.deadLetters }

    private func send(_ batch: LetterBatch, _ replay: RunningReplay, _ session: any LogSession) async throws {
        var replay = replay
        let id = replay.machine.replay.id
        replay.machine.took(
            appended: batch.requests.count, size: batch.size, skipped: batch.skipped, unusable: batch.unusable,
            cursors: batch.cursors, isEnd: batch.isEnd, now: clock.now, wall: clock.wall)
        do {
            guard try await settle(batch.requests + [state(replay.machine).request(id, layout)], session) else {
                return
            }
        } catch let error as LogError where error.concernsRecords {
            guard batch.requests.count > 1 else {
                // One that the log does not take is left out.
                logger.warning("the log refuses a replayed task", metadata: ["replay": "\(id)", "error": "\(error)"])
                var rest = batch
                rest.unusable += batch.requests.count
                rest.requests = []
                rest.size = .zero
                guard !batch.requests.isEmpty, let before = replays[id] else { throw error }
                return try await send(rest, before, session)
            }
            // One by one, to find it.
            replays[id]?.limit = 1
            return
        }
        for letter in batch.letters {
            replay.judge?.judge.append(letter, isOwn: true)
            // Another replay may not see them yet, behind an open transaction.
            for other in replays.keys where other != id { replays[other]?.judge?.judge.append(letter, isOwn: false) }
        }
        replay.limit = min(ReplayMachine.largestBatch, replay.limit * 2)
        replays[id] = replay
        saved(id, replay.machine)
        tasks.add(Double(batch.requests.count), ["replayed"])
        tasks.add(Double(batch.skipped), ["skipped"])
        tasks.add(Double(batch.unusable), ["unusable"])
    }
}
