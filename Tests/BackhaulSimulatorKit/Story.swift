/// What happened in a schedule.
final class Story {
    let isKept: Bool
    private(set) var lines: [String] = []

    init(isKept: Bool) { self.isKept = isKept }

    func add(_ line: String) { lines.append(line) }
}
