import BackhaulDomain
import BackhaulRecords
import BackhaulUnits
import Testing

@testable import BackhaulExport

@Suite("Report")
struct ReportTests {
    private func result(
        _ id: String, _ kind: OutcomeKind = .succeeded, generation: Int = 0, accepted: Int64 = 0, ended: Int64,
        size: UInt64 = 1_000, key: ByteText = "k", failure: Failure? = nil, retries: [AttemptRecord] = []
    ) -> ResultDocument {
        var outcome = Outcome(
            kind: kind,
            task: TaskGeneration(identity: TaskIdentity(tenant: "t", id: ByteText(id)), generation: generation),
            batch: "b", destination: DestinationReference(target: .named("nas"), key: key), attempts: retries.count + 1,
            crashes: 0, size: ByteCount(size), verification: kind == .succeeded ? "http-2xx" : "", failure: failure,
            worker: "w", acceptedAt: Timestamp(clamping: accepted), startedAt: Timestamp(clamping: accepted),
            finishedAt: Timestamp(clamping: ended))
        outcome.facts = OutcomeFacts(
            source: SourceReference(root: "src", path: "p"),
            effort: TaskEffort(
                firstAttemptAt: Timestamp(clamping: accepted), uploading: .milliseconds(500),
                bytesSent: ByteCount(size + UInt64(retries.count) * 100)), failures: retries)
        return ResultDocument(outcome)
    }

    /// The numbers of a page, as a reader sees them.
    @Test func numbersAreRight() {
        var facts = ReportFacts(ReportFacts.Scope())
        for number in 1...100 { facts.add(result("\(number)", ended: Int64(number) * 1_000)) }
        let retry = AttemptRecord(
            attempt: 1, at: Timestamp(clamping: 5), failure: "transient", message: "", httpStatus: 503, worker: "")
        facts.add(result("r", ended: 500, retries: [retry, retry]))
        facts.add(
            result(
                "bad", .failed, ended: 7_000, key: "<script>alert(1)</script>\u{202e}",
                failure: Failure(.permanent, "no & never", httpStatus: 422)))
        // Stored by a later generation: nobody has to care.
        facts.add(result("late", .failed, ended: 8_000, failure: Failure(.permanent, "no", httpStatus: 500)))
        facts.add(result("late", generation: 1, ended: 9_000))
        let page = ReportPage(facts, title: "a <b>", madeAt: Timestamp(clamping: 0)).text
        for text in [
            "<h1>a &lt;b&gt;</h1>", "<b>102</b><span>stored</span>", "<b>1</b><span>not stored</span>",
            "<b>49.5 s</b><span>time to safety, half</span>",
            "<b>2.1 KiB</b><span>sent again</span>", "<td>transient</td><td>503</td><td class=\"n\">2</td>",
            "<td>permanent</td><td>422</td><td class=\"n\">1</td>", "no &amp; never",
            "&lt;script&gt;alert(1)&lt;/script&gt;\u{fffd}", "<td class=\"n\">100.0 s</td>",
        ] { #expect(page.contains(text), "\(text)") }
        for text in ["<script", "http://", "https://", "src=", "\u{202e}", "NaN"] {
            #expect(!page.contains(text), "\(text)")
        }
        #expect(page.split(separator: "<svg").count == 5)
        #expect(ReportFacts.quantile([1, 2, 3, 4], 0.5) == 2.5 && ReportFacts.quantile([], 0.5) == nil)
    }

    @Test func scopeNarrows() {
        let scope = ReportFacts.Scope(
            batch: "b", tenant: "t", since: Timestamp(clamping: 10), until: Timestamp(clamping: 20))
        var facts = ReportFacts(scope)
        for ended in [9, 10, 19, 20] as [Int64] { facts.add(result("\(ended)", ended: ended)) }
        #expect(facts.spans.count == 2)
        var other = ReportFacts(ReportFacts.Scope(batch: "x"))
        other.add(result("1", ended: 1))
        #expect(
            other.isEmpty && ReportPage(other, title: "", madeAt: .earliest).text.contains("No task has ended here."))
    }

    /// Any times, also those of a machine whose clock is wrong, give a bounded number of columns, and no trap.
    @Test func seriesIsBounded() {
        for (accepted, ended) in [
            (0, 0), (0, Timestamp.latest.milliseconds), (Timestamp.latest.milliseconds, 0), (5, 5),
            (1_000, 86_400_000 * 365),
        ] as [(Int64, Int64)] {
            let series = ReportSeries([
                ReportFacts.Span(accepted: accepted, ended: ended, size: .max, isStored: true, isFirst: true),
                ReportFacts.Span(accepted: accepted, ended: ended, size: .max, isStored: true, isFirst: true),
            ])
            #expect((1...62).contains(series.columns.count))
            #expect(series.columns.reduce(0) { $0 + $1.stored } == 2)
        }
        var facts = ReportFacts(ReportFacts.Scope())
        for number in 0..<2_100 {
            facts.add(result("\(number)", ended: 5, size: Domain.largestFile.bytes))
        }
        #expect(ReportPage(facts, title: "", madeAt: .earliest).text.contains("TiB"))
        let open = ReportSeries([
            ReportFacts.Span(accepted: 0, ended: 30_000, size: 1, isStored: true, isFirst: true),
            ReportFacts.Span(accepted: 10_000, ended: 15_000, size: 1, isStored: true, isFirst: true),
            ReportFacts.Span(accepted: 10_000, ended: 59_000, size: 1, isStored: true, isFirst: false),
        ])
        #expect(open.columns[11].outstanding == 2 && open.columns[11].oldest == 12_000)
        #expect(open.columns[20].outstanding == 1 && open.columns.last?.outstanding == 0)
    }
}
