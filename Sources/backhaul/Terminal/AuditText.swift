import BackhaulAudit
import BackhaulUnits
import Foundation

/// An audit's report and findings, for people and for programs. Findings are read one by one: there may be millions.
struct AuditText {
    var report: AuditReport
    var database: AuditDatabase

    /// Calls `line` with each line for people.
    func lines(_ line: (String) throws -> Void) throws {
        try line("accepted \(report.accepted), results \(report.results)")
        if let objects = report.objects {
            try line("objects read back and right: \(objects.verified)")
            if objects.notSampled > 0 { try line("objects that are not in the sample: \(objects.notSampled)") }
        }
        for (stage, count) in report.stages.sorted(by: { $0.key < $1.key }) {
            try line("in progress, in \(stage): \(count)")
        }
        if report.forgotten > 0 { try line("older than the retained results: \(report.forgotten)") }
        if report.malformed > 0 { try line("malformed records: \(report.malformed)") }
        if let count = report.objects?.notLookedAt, count > 0 { try line("objects not looked at: \(count)") }
        for kind in AuditFinding.Kind.allCases where report.count(kind) > 0 {
            guard let text = Self.text(of: kind) else { continue }
            try database.findings(kind) { try line(text($0)) }
        }
        switch report.verdict {
        case .proven where (report.objects?.notSampled ?? 0) > 0:
            try line("verdict: proven, clean; of the objects, as far as the sample goes")
        case .proven: try line("verdict: proven, clean")
        case .partly: try line("verdict: clean as far as it could be seen; the rest is counted above")
        case .notLooked: try line("verdict: nothing could be looked at")
        case .loss: try line("verdict: LOSS OR DAMAGE FOUND")
        }
    }

    /// How findings of a kind read; nil for those that are counted only.
    private static func text(of kind: AuditFinding.Kind) -> ((AuditFinding) -> String)? {
        func object(_ word: String, _ text: @escaping (AuditFinding) -> String) -> (AuditFinding) -> String {
            { "\(word)\($0.destination) \($0.key) (\($0.task)): \(text($0))" }
        }
        return switch kind {
        case .lostUnread:
            { "LOST UNREAD \($0.place): \($0.records) or more records were removed before they were read" }
        case .missing: { "MISSING     \($0.task): it has neither a result nor a place where it is" }
        case .duplicated: { "DUPLICATED  \($0.task): it has more than one result" }
        case .conflicting: { "CONFLICTING \($0.task): its id was accepted with two contents, and has one result" }
        case .withoutLetter: { "NO LETTER   \($0.task): it failed, and has no dead letter" }
        case .gone: object("GONE        ") { _ in "the destination has no such object" }
        case .corrupted: object("CORRUPTED   ") { "expected \($0.expected), found \($0.found)" }
        case .stale: object("STALE       ") { _ in "holds older content" }
        case .overwritten: object("OVERWRITTEN ") { _ in "another file was stored under its key" }
        case .unreachable: object("UNREACHABLE ") { $0.found }
        case .unfinished: nil
        }
    }

    // MARK: JSON

    private struct Stage: Encodable {
        var task: String
        var place: String
    }

    private struct Unread: Encodable {
        var partition: String
        var records: Int64
    }

    private struct Object: Encodable {
        var task: String
        var destination: String
        var key: String
        var expected: String
        var found: String
    }

    /// Prints one JSON object on a line.
    func printJSON() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var counts: [(String, Int)] = [
            ("accepted", report.accepted), ("results", report.results), ("forgotten", report.forgotten),
            ("malformed", report.malformed),
        ]
        if let objects = report.objects {
            counts += [
                ("verified", objects.verified), ("verifiedBytes", objects.verifiedBytes.count),
                ("notLookedAt", objects.notLookedAt), ("notSampled", objects.notSampled),
            ]
        }
        Output.part("{\"verdict\":\"\(report.verdict.rawValue)\"")
        if let batch = report.batch {
            Output.part(",\"batch\":" + String(decoding: try encoder.encode(batch), as: UTF8.self))
        }
        for (name, count) in counts { Output.part(",\"\(name)\":\(count)") }
        func list(_ kind: AuditFinding.Kind, _ element: (AuditFinding) throws -> Data) throws {
            Output.part(",\"\(kind)\":[")
            var isFirst = true
            try database.findings(kind) { finding in
                if !isFirst { Output.part(",") }
                isFirst = false
                Output.part(String(decoding: try element(finding), as: UTF8.self))
            }
            Output.part("]")
        }
        for kind in [AuditFinding.Kind.missing, .duplicated, .conflicting, .withoutLetter] {
            try list(kind) { try encoder.encode($0.task) }
        }
        try list(.lostUnread) { try encoder.encode(Unread(partition: $0.place, records: $0.records)) }
        try list(.unfinished) { try encoder.encode(Stage(task: $0.task, place: $0.place)) }
        if report.objects != nil {
            for kind in [AuditFinding.Kind.gone, .corrupted, .stale, .overwritten, .unreachable] {
                try list(kind) {
                    try encoder.encode(
                        Object(
                            task: $0.task, destination: $0.destination, key: $0.key, expected: $0.expected,
                            found: $0.found))
                }
            }
        }
        Output.write(Data("}".utf8))
    }
}
