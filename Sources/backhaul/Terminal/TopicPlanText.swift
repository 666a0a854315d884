import BackhaulKafka
import BackhaulLog

/// A topic plan as text or as JSON.
struct TopicPlanText {
    private let plan: TopicPlan

    init(_ plan: TopicPlan) {
        self.plan = plan
    }

    private struct Line: Encodable {
        var change: String
        var topic: String?
        var detail: String
    }

    func print(_ output: OutputFormat) throws {
        let lines = Self.lines(plan)
        if output == .json {
            for line in lines { try Output.json(line) }
            return
        }
        if lines.isEmpty { Output.line("the topics match the configuration") }
        for line in lines {
            Output.line("\(line.change)\(line.topic.map { " \($0)" } ?? ""): \(line.detail)")
        }
    }

    private static func lines(_ plan: TopicPlan) -> [Line] {
        var lines: [Line] = []
        var positions: [String: (topic: String, group: String, restored: Bool, count: Int)] = [:]
        for change in plan.changes {
            switch change {
            case .create(let topic):
                let configuration = topic.configuration.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                lines.append(
                    Line(
                        change: "create", topic: topic.name,
                        detail: "\(topic.partitions) partitions, \(topic.replication) replicas, "
                            + configuration.joined(separator: " ")))
            case .grow(let topic, let from, let to):
                lines.append(Line(change: "grow", topic: topic, detail: "\(from) → \(to) partitions"))
            case .configure(let topic, let key, let before, let after):
                lines.append(
                    Line(
                        change: "configure", topic: topic,
                        detail: "\(key): \(before ?? "the broker's default") → \(after)")
                )
            case .position(let group, let partition, let restored):
                let key = "\(group) \(partition.topic) \(restored)"
                positions[key, default: (partition.topic, group, restored, 0)].count += 1
            }
        }
        for (_, entry) in positions.sorted(by: { $0.key < $1.key }) {
            lines.append(
                Line(
                    change: entry.restored ? "restore" : "position", topic: entry.topic,
                    detail: "group \(entry.group) begins at the earliest record of \(entry.count) partitions"
                        + (entry.restored ? "; its position was lost, or never set" : "")))
        }
        lines += plan.problems.map { Line(change: "problem", topic: nil, detail: $0) }
        lines += plan.remarks.map { Line(change: "remark", topic: nil, detail: $0) }
        return lines
    }
}

extension TopicPlan {
    /// Whether groups would read records again.
    var restores: Bool {
        changes.contains { if case .position(_, _, true) = $0 { true } else { false } }
    }
}
