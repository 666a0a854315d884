internal import BackhaulDomain
package import BackhaulUnits
internal import Foundation

/// A report as one HTML page: no script, no file beside it, charts as SVG.
package struct ReportPage {
    private let facts: ReportFacts
    private let title: String
    private let madeAt: Timestamp
    private var html = ""

    /// - Parameters:
    ///   - title: what it is about.
    ///   - madeAt: when it was made.
    package init(_ facts: ReportFacts, title: String, madeAt: Timestamp) {
        self.facts = facts
        self.title = title
        self.madeAt = madeAt
    }

    package var text: String {
        var page = self
        page.write()
        return page.html
    }

    private mutating func write() {
        html = """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>Backhaul: \(Self.safe(title))</title><style>\(Self.style)</style></head><body>
            <header><h1>\(Self.safe(title))</h1><p>Backhaul, \(madeAt)</p></header><main>

            """
        if facts.spans.isEmpty {
            html += "<p>No task has ended here.</p>"
        } else {
            tiles()
            person()
            charts()
            destinations()
            retries()
            slowest()
        }
        html += "</main></body></html>\n"
    }

    // MARK: Numbers

    private mutating func tiles() {
        let ages = facts.destinations.values.flatMap(\.ages).sorted()
        let size = facts.destinations.values.reduce(ByteCount.zero) { $0 + $1.size }
        func age(_ share: Double) -> String { ReportFacts.quantile(ages, share).map(Self.time) ?? "–" }
        let lost = facts.failures.reduce(0) { $0 + $1.failure.tasks }
        html += "<section class=\"tiles\">"
        for (name, value) in [
            ("stored", "\(facts.statuses["succeeded"] ?? 0)"), ("bytes stored", SizeText.format(size)),
            ("not stored", "\(lost)"),
            ("time to safety, half", age(0.5)), ("95 %", age(0.95)), ("99 %", age(0.99)),
            ("sent again", SizeText.format(facts.repeated)), ("saved by resuming", SizeText.format(facts.resumed)),
            ("there already", "\(facts.known)"),
        ] { html += "<div><b>\(Self.safe(value))</b><span>\(name)</span></div>" }
        html += "</section>\n"
    }

    /// What needs a person.
    private mutating func person() {
        let failures = facts.failures
        html += "<section><h2>Needs a person</h2>"
        if failures.isEmpty {
            html += "<p>Nothing: every task that has ended is stored, or was cancelled.</p></section>\n"
            return
        }
        table(
            ["destination", "cause", "status", "#tasks", "#bytes", "for example"],
            failures.prefix(50).map { cause, failure in
                [
                    cause.destination.text, cause.kind, cause.httpStatus.map(String.init) ?? "–", "\(failure.tasks)",
                    SizeText.format(failure.size), "\(failure.example): \(failure.message)",
                ]
            })
        html +=
            "<p><code>backhaul dead-letters issues</code> and <code>backhaul replay</code> go on from here.</p></section>\n"
    }

    private mutating func destinations() {
        html += "<section><h2>Destinations</h2>"
        let rows = facts.destinations.sorted { $0.key < $1.key }.map { name, destination in
            let ages = destination.ages.sorted()
            let speed =
                destination.uploading > 0
                ? SizeText.format(ByteCount(destination.sent.bytes / UInt64(max(1, destination.uploading / 1_000))))
                    + "/s"
                : "–"
            return [
                name.text, "\(destination.stored)", SizeText.format(destination.size), "\(destination.failed)",
                ReportFacts.quantile(ages, 0.5).map(Self.time) ?? "–",
                ReportFacts.quantile(ages, 0.95).map(Self.time) ?? "–",
                ReportFacts.quantile(ages, 0.99).map(Self.time) ?? "–", speed,
            ]
        }
        table(["destination", "#stored", "#bytes", "#failed", "#p50", "#p95", "#p99", "#an upload's speed"], rows)
        html += "</section>\n"
    }

    private mutating func retries() {
        guard !facts.retries.isEmpty else { return }
        html += "<section><h2>Why attempts were repeated</h2>"
        let causes = facts.retries.sorted {
            ($1.value, $0.key.destination.text, $0.key.kind) < ($0.value, $1.key.destination.text, $1.key.kind)
        }
        table(
            ["destination", "cause", "status", "#failed attempts"],
            causes.prefix(50).map { cause, count in
                [cause.destination.text, cause.kind, cause.httpStatus.map(String.init) ?? "–", "\(count)"]
            })
        html += "</section>\n"
    }

    private mutating func slowest() {
        guard !facts.slowest.isEmpty else { return }
        html += "<section><h2>Slowest</h2>"
        table(
            ["file", "destination", "#bytes", "#attempts", "#until stored"],
            facts.slowest.map {
                [
                    $0.key.text, $0.destination.text, SizeText.format($0.size), "\($0.attempts)",
                    Self.time(Double($0.age)),
                ]
            })
        html += "</section>\n"
    }

    /// - Parameter names: those that begin with `#` are of columns of numbers.
    private mutating func table(_ names: [String], _ rows: [[String]]) {
        let isNumber = names.map { $0.hasPrefix("#") }
        func cells(_ texts: [String], _ tag: String) -> String {
            zip(texts, isNumber).map { text, isNumber in
                "<\(tag)\(isNumber ? " class=\"n\"" : "")>\(Self.safe(text))</\(tag)>"
            }.joined()
        }
        let head = names.map { $0.hasPrefix("#") ? String($0.dropFirst()) : $0 }
        html += "<div class=\"wide\"><table><thead><tr>\(cells(head, "th"))</tr></thead><tbody>"
        for row in rows { html += "<tr>\(cells(row, "td"))</tr>" }
        html += "</tbody></table></div>"
    }

    // MARK: Charts

    private mutating func charts() {
        let series = ReportSeries(facts.spans)
        html += "<section class=\"charts\">"
        chart("Files stored and failed", series, series.columns.map { (Double($0.stored), Double($0.failed)) }) {
            "\(Int($0))"
        }
        chart("Bytes stored", series, series.columns.map { (Double($0.size), 0) }) {
            // A sum of what results claim may be the largest number, which its Double exceeds.
            SizeText.format(ByteCount(UInt64(exactly: $0.rounded()) ?? .max))
        }
        chart("Accepted and not ended", series, series.columns.map { (Double($0.outstanding), 0) }) { "\(Int($0))" }
        chart("Age of the oldest of these", series, series.columns.map { (Double($0.oldest), 0) }, Self.time)
        html += "</section>\n"
    }

    /// Columns; the second number of each stands on the first, in another colour.
    private mutating func chart(
        _ name: String, _ series: ReportSeries, _ values: [(Double, Double)], _ format: (Double) -> String
    ) {
        let (width, height, left, bottom) = (560.0, 190.0, 74.0, 22.0)
        let most = max(values.map { $0.0 + $0.1 }.max() ?? 0, 1)
        let step = (width - left) / Double(max(1, values.count))
        func number(_ value: Double) -> String { String(format: "%.1f", value) }
        func y(_ value: Double) -> Double { 6 + (height - bottom - 6) * (1 - value / most) }
        html +=
            "<figure><figcaption>\(name)</figcaption><svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\">"
        for share in [0.0, 0.5, 1] {
            let at = number(y(most * share))
            html += "<line x1=\"\(Int(left))\" x2=\"\(Int(width))\" y1=\"\(at)\" y2=\"\(at)\"/>"
            html += "<text x=\"\(Int(left) - 6)\" y=\"\(number(y(most * share) + 4))\" class=\"v\">"
            html += "\(Self.safe(format(most * share)))</text>"
        }
        for (index, value) in values.enumerated() where value.0 + value.1 > 0 {
            let x = number(left + step * Double(index) + step * 0.1)
            let from = TimeText.format(Timestamp(clamping: series.start + Int64(index) * series.width))
            func bar(_ low: Double, _ high: Double, _ kind: String) -> String {
                "<rect class=\"\(kind)\" x=\"\(x)\" y=\"\(number(y(high)))\" width=\"\(number(step * 0.8))\" "
                    + "height=\"\(number(max(0.8, y(low) - y(high))))\"><title>\(from): "
                    + "\(Self.safe(format(high - low)))</title></rect>"
            }
            if value.0 > 0 { html += bar(0, value.0, "a") }
            if value.1 > 0 { html += bar(value.0, value.0 + value.1, "b") }
        }
        for (at, anchor) in [(0, "start"), (values.count, "end")] {
            let time = TimeText.format(Timestamp(clamping: series.start + Int64(at) * series.width))
            let x = at == 0 ? left : width
            html += "<text x=\"\(Int(x))\" y=\"\(Int(height) - 6)\" text-anchor=\"\(anchor)\">\(time.prefix(16))</text>"
        }
        html += "</svg></figure>"
    }

    // MARK: Text

    /// Milliseconds for people.
    static func time(_ milliseconds: Double) -> String {
        let seconds = milliseconds / 1_000
        switch seconds {
        case ..<1: return "\(Int(milliseconds.rounded())) ms"
        case ..<120: return String(format: "%.1f s", seconds)
        case ..<7_200: return String(format: "%.1f min", seconds / 60)
        case ..<172_800: return String(format: "%.1f h", seconds / 3_600)
        default: return String(format: "%.1f d", seconds / 86_400)
        }
    }

    /// Names and messages may come from anybody: markup is escaped, control characters are shown as `\u{fffd}`.
    static func safe(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\u{202a}"..."\u{202e}", "\u{2066}"..."\u{2069}": result += "\u{fffd}"
            default:
                result.unicodeScalars.append(
                    scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) ? "\u{fffd}" : scalar)
            }
        }
        return result
    }

    private static let style = """
        :root{color-scheme:light dark;--ink:#1c2024;--soft:#5b6570;--line:#d9dee3;--card:#fff;--page:#f4f6f8;--a:#2a6f97;--b:#c1432b}\
        @media(prefers-color-scheme:dark){:root{--ink:#e8ebee;--soft:#9aa5b1;--line:#353c44;--card:#1d2227;--page:#14181c;--a:#61a5c2;--b:#e5735b}}\
        *{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.45 system-ui,sans-serif}\
        header,main{max-width:1180px;margin:0 auto;padding:16px}h1{margin:0;font-size:1.5rem;overflow-wrap:anywhere}header p{margin:2px 0;color:var(--soft)}\
        h2{font-size:1.05rem;margin:0 0 8px}section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px;margin:0 0 14px}\
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px}.tiles b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}\
        .tiles span{color:var(--soft);font-size:.85rem}.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:14px}\
        figure{margin:0;min-width:0}figcaption{font-weight:600;margin-bottom:4px}svg{width:100%;height:auto;display:block}svg line{stroke:var(--line)}\
        svg text{fill:var(--soft);font:12px system-ui,sans-serif}svg .v{text-anchor:end}.a{fill:var(--a)}.b{fill:var(--b)}.wide{overflow-x:auto}\
        table{border-collapse:collapse;width:max-content;min-width:100%;font-size:.9rem}th,td{text-align:left;padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top;max-width:36rem;overflow-wrap:anywhere}\
        th{color:var(--soft);font-weight:600;white-space:nowrap}.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}code{font-size:.9em}
        """
}
