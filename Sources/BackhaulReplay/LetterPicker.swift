internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits

/// Picks the letters of a replay's next batch.
struct LetterPicker {
    /// With a judge.
    let replay: RunningReplay
    let reader: LetterReader
    let routing: TaskRouting

    /// Letters of one batch that are looked at.
    private static let mostLooked = 5_000

    /// So many letters of each destination, from anywhere.
    func canary(_ each: Int) async throws -> LetterBatch {
        var batch = LetterBatch()
        var taken: [ByteText: Int] = [:]
        let record = replay.machine.replay
        batch.isEnd = true
        try await reader.each(record.selection, in: record.letters) { letter in
            guard let task = letter.task, let judge = replay.judge?.judge,
                taken[task.destination.label, default: 0] < each
            else { return }
            if !judge.isOwn(letter) {
                guard judge.judge(letter) == .due else { return }
                guard batch.requests.count < replay.limit else {
                    batch.isEnd = false
                    return
                }
                guard try add(letter, &batch) else { return }
            }
            taken[task.destination.label, default: 0] += 1
        }
        return batch
    }

    /// The next letters, in order.
    func letters(_ wanted: Int) async throws -> LetterBatch {
        let record = replay.machine.replay
        let most = min(wanted, replay.limit)
        var batch = LetterBatch()
        var cursors = replay.machine.state.cursors
        var looked = 0
        search: for (number, range) in record.letters.sorted(by: { $0.key < $1.key }) {
            var next = max(cursors[number] ?? range.lowerBound, range.lowerBound)
            while next < range.upperBound {
                guard batch.requests.count < most, looked < Self.mostLooked else { break search }
                let page = try await reader.page(number, from: next, to: range.upperBound, records: 500)
                for letter in page.letters {
                    guard batch.requests.count < most else { break }
                    try take(letter, &batch)
                    looked += 1
                    next = letter.stored.position.offset + 1
                }
                if page.letters.last.map({ $0.stored.position.offset < next }) ?? true { next = max(next, page.next) }
                cursors[number] = next
            }
            cursors[number] = next
        }
        batch.cursors = cursors
        batch.isEnd = record.letters.allSatisfy { number, range in
            range.isEmpty || (cursors[number] ?? range.lowerBound) >= range.upperBound
        }
        return batch
    }

    private func take(_ letter: DeadLetter, _ batch: inout LetterBatch) throws {
        guard replay.machine.replay.selection.takes(letter), let judge = replay.judge?.judge else { return }
        switch judge.judge(letter) {
        case .due: if try !add(letter, &batch) { batch.unusable += 1 }
        // Those of the canary, or of an earlier process whose state was lost.
        case .replayed where judge.isOwn(letter), .succeeded where judge.isOwn(letter): break
        case .replayed, .succeeded, .superseded, .discarded: batch.skipped += 1
        case .unusable: batch.unusable += 1
        }
    }

    /// - Returns: whether the letter's task can be replayed.
    private func add(_ letter: DeadLetter, _ batch: inout LetterBatch) throws -> Bool {
        guard var task = letter.task, let next = letter.generation?.next, batch.names.insert(next).inserted else {
            return false
        }
        let other = replay.machine.replay.destination
        if let other { task.destination.target = .named(other) }
        guard (try? TaskRules.check(task)) != nil, letter.stored.record.isMovable else { return false }
        batch.requests.append(
            try TaskRecord.replayed(
                letter.stored.record, task, isChanged: other != nil, generation: next.generation,
                to: routing.topic(of: task), replay: replay.machine.replay.id))
        batch.size += task.size
        batch.letters.append(letter)
        return true
    }
}
