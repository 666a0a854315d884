import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulTestKit
import BackhaulUnits
import Testing

@Suite("Acts")
struct ActTests {
    private let layout = TopicLayout()

    /// Callers name URLs with credentials, refused ones too.
    @Test func detailsAreRedacted() {
        let act = Act(
            .retry, .refused, by: Act.Actor(name: "c", way: .http),
            detail: "to destination 'https://u:canary@h/p?X-Amz-Signature=canary'; bad-url", at: .earliest)
        #expect(!act.detail.contains("canary") && act.detail.contains("@h/p?") && act.detail.hasSuffix("; bad-url"))
    }

    /// What a refused caller named is cut to what a reader takes.
    @Test(arguments: ["", "x", "\u{1b}[31m", String(repeating: "é", count: 5_000)])
    func whatIsWrittenIsRead(_ text: String) throws {
        for kind in Act.Kind.allCases {
            for outcome in Act.Outcome.allCases {
                let act = Act(
                    kind, outcome, by: Act.Actor(name: "c", way: .http, address: "::1"), tenant: ByteText(text),
                    batch: ByteText(text), taskIDs: Array(repeating: ByteText(text), count: 1_000), tasks: 1_000,
                    counts: ["accepted": 1], detail: text, at: Timestamp(clamping: 1_795_807_949_123))
                let request = try ActRecord.request(act, host: "h", layout)
                #expect(request.topic == "backhaul.acts")
                let read = try ActRecord.read(request.record)
                #expect(read.act == kind.rawValue && read.outcome == outcome.rawValue && read.tasks == 1_000)
                #expect(read.taskIds.count == Act.listed && read.at == "2026-11-27T19:32:29.123Z")
                #expect(read.detail.utf8.count <= Act.longestDetail && text.utf8.starts(with: read.detail.utf8))
            }
        }
    }

    @Test(arguments: [
        "", "{}", "null", #"{"act":"submit"}"#, #"{"act":"x"}"#,
        #"{"act":"dance","outcome":"done","caller":"c","way":"http","taskIds":[],"tasks":1,"counts":{},"detail":"","host":"h","at":"x"}"#,
        #"{"act":"submit","outcome":"done","caller":"c","way":"http","taskIds":[],"tasks":-1,"counts":{},"detail":"","host":"h","at":"x"}"#,
        #"{"act":"submit","outcome":"done","caller":"c","way":"http","taskIds":[],"tasks":1,"counts":{"a":9999999999},"detail":"","host":"h","at":"x"}"#,
    ])
    func hostileActsAreRefused(_ text: String) {
        #expect(throws: RecordError.self) { try ActRecord.read(LogRecord(value: Array(text.utf8))) }
    }
}
