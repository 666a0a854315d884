package import BackhaulDomain
package import BackhaulLog
import BackhaulRecords
import BackhaulTestKit
internal import BackhaulUnits
import Foundation

/// Hostile values for every input, the same for the same seed: extreme numbers, empty and huge texts, both Unicode
/// normal forms, invalid UTF-8, and records that are almost valid.
package struct FuzzSource: RandomNumberGenerator, Sendable {
    private var numbers: SeededNumbers

    package init(seed: UInt64) { numbers = SeededNumbers(seed: seed) }

    package mutating func next() -> UInt64 { numbers.next() }

    package mutating func pick<Element>(_ all: [Element]) -> Element { all[Int(next() % UInt64(all.count))] }

    /// True once in `count` calls on average.
    package mutating func once(in count: UInt64) -> Bool { next() % count == 0 }

    // MARK: Values

    private static let extremes: [Int64] = [
        .min, .min + 1, -1, 0, 1, 999, 2_147_483_647, 2_147_483_648, 9_007_199_254_740_991, 9_007_199_254_740_992,
        253_402_300_799_999, 253_402_300_800_000, .max - 1, .max, 1_800_000_000_000,
    ]

    package mutating func signed() -> Int64 {
        once(in: 3) ? Int64(bitPattern: next()) : pick(Self.extremes)
    }

    package mutating func unsigned() -> UInt64 { UInt64(bitPattern: signed()) }

    package mutating func text() -> String {
        switch next() % 12 {
        case 0: return ""
        case 1:
            return String(decoding: [UInt8](repeating: UInt8(ascii: "x"), count: Int(next() % 5_000)), as: UTF8.self)
        case 2: return "e" + String(repeating: "\u{301}", count: Int(next() % 300))
        case 3: return "\u{212a}evin"
        case 4: return pick(["caf\u{e9}", "cafe\u{301}"])
        case 5: return pick(["../x", "/etc/passwd", "a//b", ".", "..", "a/\u{0}b", "a\nb", "\u{1b}[31m", "\u{9b}0m"])
        case 6: return pick(["\u{feff}x", "\u{202e}gpj.exe", "\u{2028}", "\u{fffd}", "😀", "\u{10ffff}"])
        case 7: return pick(["http://127.0.0.1:9/", "http://u:p@h/", "https://h/?q", "://", "file:///etc", "HTTP://"])
        case 8: return String(signed())
        case 9: return pick(["NaN", "1e400", "-0", "0x10", " 1", "1 ", "+1", "١"])
        default: return pick(["t", "default", "nas", "src", "a", "b/c.jpg", "1", "id", "batch"])
        }
    }

    package mutating func bytes(_ longest: UInt64 = 64) -> [UInt8] {
        (0..<next() % longest).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    /// Usually an allowed name, so that many of the values get far.
    private mutating func name(_ usual: [String]) -> ByteText { ByteText(once(in: 6) ? text() : pick(usual)) }

    // MARK: Records

    package mutating func task() -> UploadTask {
        var task = anyTask()
        // What the worker does not know would wait for as long as the run takes.
        let isKnown = task.source.root == "src" && task.destination.label == "nas"
        if !isKnown { task.deadline = SystemLogClock.wall + FuzzRun.parkDelay / 2 }
        return task
    }

    private mutating func anyTask() -> UploadTask {
        UploadTask(
            identity: TaskIdentity(tenant: name(["t", "u"]), id: name((0..<200).map { "id\($0)" })),
            batch: name(["", "b", "c"]),
            source: SourceReference(root: name(["src", "none"]), path: name(["a", "b/c"])),
            destination: DestinationReference(
                target: once(in: 40) ? .url(ByteText(text())) : .named(name(["nas", "nas", "none"])),
                key: name(["k", "caf\u{e9}", "cafe\u{301}", "x/y"])),
            size: ByteCount(once(in: 3) ? unsigned() : next() % 1_000), modifiedAt: FileTime(nanoseconds: signed()),
            contentType: once(in: 8) ? text() : "",
            acceptedAt: once(in: 4) ? time() : Timestamp(clamping: 1_800_000_000_000),
            deadline: once(in: 6) ? time() : nil,
            submitter: once(in: 3) ? Submitter(name: name(["ci"]), way: pick([.http, .commandLine])) : nil)
    }

    private mutating func act() -> Act {
        Act(
            pick(Act.Kind.allCases), pick(Act.Outcome.allCases),
            by: Act.Actor(name: name(["ci"]), way: pick(Act.Actor.Way.allCases), address: once(in: 3) ? text() : nil),
            tenant: once(in: 2) ? name(["t"]) : nil, batch: once(in: 2) ? name(["b"]) : nil,
            taskIDs: (0..<next() % 30).map { _ in name(["id1"]) }, tasks: Int(truncatingIfNeeded: signed()),
            counts: [text(): Int(truncatingIfNeeded: signed())], detail: text(), at: time())
    }

    private mutating func generation() -> TaskGeneration {
        let task = task()
        return TaskGeneration(
            identity: task.identity, generation: once(in: 4) ? Int(truncatingIfNeeded: signed()) : Int(next() % 3))
    }

    package mutating func outcome() -> Outcome {
        let task = task()
        var outcome = Outcome(
            kind: pick(OutcomeKind.allCases), task: generation(), batch: task.batch, destination: task.destination,
            attempts: Int(truncatingIfNeeded: once(in: 4) ? signed() : 1), crashes: Int(truncatingIfNeeded: next() % 3),
            size: task.size, sha256: once(in: 3) ? Hex.encode(bytes()) : String(repeating: "ab", count: 32),
            verification: text(), worker: pick(["w", "api:x", text()]), acceptedAt: time(), startedAt: time(),
            finishedAt: time(), nextAttemptAt: once(in: 3) ? time() : nil, objectMayExist: once(in: 2))
        if once(in: 2) {
            outcome.failure = Failure(
                pick(FailureClass.allCases), text(), httpStatus: Int(truncatingIfNeeded: signed()))
        }
        if once(in: 3) { outcome.fingerprint = Array(bytes().prefix(TaskFingerprint.size)) }
        if once(in: 3) { outcome.fingerprint = Array(repeating: 7, count: TaskFingerprint.size) }
        if once(in: 3) { outcome.bytesSent = ByteCount(next()) }
        return outcome
    }

    private mutating func progress() -> TaskProgress {
        var progress = TaskProgress(
            generation: Int(truncatingIfNeeded: once(in: 3) ? signed() : 0),
            attempts: Int(truncatingIfNeeded: once(in: 3) ? signed() : 1),
            crashes: Int(truncatingIfNeeded: once(in: 3) ? signed() : 1),
            // One in the future would only wait, in tier after tier.
            due: once(in: 2) ? min(time(), Timestamp(clamping: 1_700_000_000_000)) : nil,
            isHandedOver: once(in: 2),
            history: (0..<next() % 30).map { _ in
                AttemptRecord(
                    attempt: Int(truncatingIfNeeded: signed()), at: time(), failure: text(), message: text(),
                    httpStatus: Int(truncatingIfNeeded: signed()), worker: text())
            })
        if once(in: 3) { progress.replay = pick(["r-1", text()]) }
        if once(in: 3) {
            progress.effort = TaskEffort(
                firstAttemptAt: once(in: 2) ? time() : nil, uploading: .milliseconds(signed()),
                bytesSent: ByteCount(unsigned()))
        }
        return progress
    }

    /// A record about a replay or an issue. Without a rate: a slow one would only wait.
    private mutating func controlRecord(_ layout: TopicLayout) -> LogRecord? {
        let id = pick(["r-1", "r-2", text()])
        func offset() -> Int64 { max(0, once(in: 2) ? Int64(next() % 100) : signed()) }
        switch next() % 4 {
        case 0:
            let first = offset()
            var replay = ReplayRecord(
                id: id, action: pick(ReplayRecord.Action.allCases), by: name(["anna"]), reason: text(), at: time(),
                selection: LetterSelection(
                    tenant: once(in: 3) ? name(["t", "u"]) : nil, failures: once(in: 3) ? [text()] : [],
                    keyPattern: once(in: 3) ? KeyPattern(text()) : nil, since: once(in: 3) ? time() : nil,
                    worker: once(in: 3) ? text() : nil, issue: once(in: 3) ? text() : nil),
                topic: pick([layout.deadLetters, layout.tasks, text()]),
                letters: [Int(next() % 3): first..<max(first, offset())], results: [Int(next() % 3): offset()],
                pace: ReplayPace(canary: Int(next() % 3), patience: .zero, ramp: .milliseconds(signed())))
            if once(in: 3) { replay.migration = pick(["one", text()]) }
            return try? replay.request(layout).record
        case 1:
            var state = ReplayState(
                phase: pick(ReplayState.Phase.allCases), at: time(), cursors: [Int(next() % 3): offset()])
            state.counts.appended = Int(truncatingIfNeeded: signed())
            state.counts.failed = Int(truncatingIfNeeded: signed())
            state.forgiven = Int(truncatingIfNeeded: signed())
            state.orderOffset = signed()
            return try? state.request(id, layout).record
        case 2:
            let kinds: [ReplayOrder.Kind] = [.pause, .resume, .cancel]
            return try? ReplayOrder(pick(kinds), by: name(["anna"]), at: time()).request(id, layout).record
        default:
            return try? IssueMute.request(
                IssueMute(by: name(["anna"]), reason: text(), at: time()), issue: id, layout
            ).record
        }
    }

    /// The program's headers with other values, foreign headers, and names that are almost the program's.
    private mutating func headers() -> [LogHeader] {
        let names = [
            HeaderName.generation, HeaderName.attempts, HeaderName.crashes, HeaderName.history, HeaderName.handedOver,
            HeaderName.fingerprint, HeaderName.replay, HeaderName.effort, HeaderName.worker, CloudEvent.replay,
            "kafka_dlt-original-topic", "kafka_dlt-original-offset", "__connect.errors.topic",
            "__connect.errors.offset",
            HeaderName.trace, HeaderName.contentType, HeaderName.causeClass, HeaderName.causeMessage,
            HeaderName.httpStatus, HeaderName.failedAt, HeaderName.origin, HeaderName.originSize, HeaderName.moved,
            "ce_id", "ce_type",
            "bac\u{212a}haul-due", "x",
        ]
        // Not `due`: a valid time in the far future would only wait.
        return (0..<next() % 5).map { _ in
            once(in: 3)
                ? LogHeader(pick(names), once(in: 4) ? nil : bytes()) : LogHeader(pick(names), text: headerText())
        }
    }

    private mutating func headerText() -> String {
        once(in: 3)
            ? pick([
                "malformed", "permanent", "one backhaul.dead-letters/0@0", "0", "1", "[]", "[{}]", "t/id1/0",
                "backhaul.upload.failed.v1",
            ]) : text()
    }

    private mutating func time() -> Timestamp { Timestamp(clamping: signed()) }

    /// The mangled bytes of an encoded record.
    private mutating func encoded(_ value: [UInt8]?) -> [UInt8]? { mangled(withExtreme(value ?? [])) }

    /// Often with an extreme number in one of its Protobuf fields.
    private mutating func withExtreme(_ value: [UInt8]) -> [UInt8] {
        guard once(in: 3) else { return value }
        return value + ProtobufNumber.field(next() % 24 + 1, signed())
    }

    /// Usually unchanged; otherwise nil, empty, random, cut, doubled, or with bytes changed or appended.
    private mutating func mangled(_ value: [UInt8]) -> [UInt8]? {
        var value = value
        switch next() % 12 {
        case 0: return nil
        case 1: return []
        case 2: return bytes(400)
        case 3: return Array(value.prefix(Int(next() % UInt64(value.count + 1))))
        case 4: return value + value
        case 5, 6:
            guard !value.isEmpty else { return value }
            for _ in 0...next() % 4 {
                value[Int(next() % UInt64(value.count))] = UInt8(truncatingIfNeeded: next())
            }
            return value
        case 7: return value + bytes(40)
        default: return value
        }
    }

    private mutating func result() -> [UInt8]? {
        var document = ResultDocument(outcome())
        if once(in: 4) { document.generation = Int(truncatingIfNeeded: signed()) }
        if once(in: 4) { document.attempts = Int(truncatingIfNeeded: signed()) }
        if once(in: 4) { document.acceptedAt = text() }
        if once(in: 4) { document.modifiedAt = pick(["9999-12-31T23:59:59Z", "1677-01-01T00:00:00Z", text()]) }
        if once(in: 4) { document.mode = pick(["0644", "37777777777", "77777", "-1", text()]) }
        let json = (try? document.encoded()) ?? []
        switch next() % 6 {
        case 0:
            let number = pick([
                "1e400", "-1", "1.5", "99999999999999999999999", "18446744073709551616", "null", "\"1\"",
            ])
            let text = String(decoding: json, as: UTF8.self)
                .replacingOccurrences(of: "\"bytes\":\\d+", with: "\"bytes\":" + number, options: .regularExpression)
            return Array(text.utf8)
        case 1: return Array(json.dropLast()) + Array(",\"taskId\":\"id1\",\"tenant\":\"u\"}".utf8)
        default: return encoded(json)
        }
    }

    /// A record for a topic of the layout.
    package mutating func record(for topic: String, _ layout: TopicLayout) -> LogRecord {
        let key = once(in: 5) ? bytes() : Array(text().utf8)
        switch topic {
        case layout.outcomes:
            return LogRecord(key: key, value: encoded(try? OutcomeCodec.encode(outcome())), headers: headers())
        case layout.results: return LogRecord(key: key, value: result(), headers: headers())
        case layout.checkpoints:
            let position =
                "\(pick([layout.tasks, layout.retry(.milliseconds(100)), text()]))/\(pick(["0", "1", text()]))/\(signed())"
            let checkpoint = Checkpoint(task: generation(), isInFlight: once(in: 2), progress: progress())
            return LogRecord(
                key: once(in: 4) ? key : Array(position.utf8), value: encoded(try? CheckpointCodec.encode(checkpoint)))
        case layout.acts:
            let value = (try? ActRecord.request(act(), host: text(), layout))?.record.value
            return LogRecord(key: key, value: encoded(value), headers: headers())
        case layout.control:
            if once(in: 3), let record = controlRecord(layout) {
                return LogRecord(key: record.key, value: encoded(record.value), headers: headers())
            }
            if once(in: 3) {
                let api = APIRecord(url: pick(["http://h:1", "https://h", text()]), host: text(), startedAt: time())
                let record = (try? api.request(text(), layout))?.record
                return LogRecord(key: record?.key ?? key, value: encoded(record?.value), headers: headers())
            }
            let task = generation()
            return LogRecord(
                key: once(in: 4) ? key : CancelCodec.key(task),
                value: encoded(try? CancelCodec.encode(task, at: time())))
        default:
            let progress = once(in: 2) ? progress() : TaskProgress()
            var own = ProgressHeaders.encode(progress)
            own.removeAll { $0.isNamed(HeaderName.due) }
            if once(in: 4) {
                own.append(LogHeader(HeaderName.due, text: pick(["-1", "253402300800000", String(Int64.min), text()])))
            }
            return LogRecord(key: key, value: encoded(try? TaskCodec.encode(task())), headers: own + headers())
        }
    }

    // MARK: HTTP

    /// A line of a batch, or the body of one task: valid or almost valid JSON.
    package mutating func line() -> [UInt8] {
        func quoted(_ text: String) -> String {
            (try? JSONEncoder().encode([text])).map { String(decoding: $0.dropFirst().dropLast(), as: UTF8.self) }
                ?? "\"\""
        }
        var fields = [
            "\"source\":{\"root\":\(quoted(pick(["src", text()]))),\"path\":\(quoted(pick(["a", text()])))}",
            "\"destination\":\(quoted(pick(["nas", "nas", text()])))", "\"key\":\(quoted(text()))",
        ]
        if once(in: 2) {
            fields.append("\"size\":\(pick([String(unsigned()), String(signed()), "1e400", "-1", "1.5", text()]))")
            fields.append("\"modifiedAt\":\(quoted(pick(["2026-11-23T05:44:27Z", "9999-12-31T23:59:59Z", text()])))")
        }
        if once(in: 3) { fields.append("\"taskId\":\(quoted(text()))") }
        if once(in: 3) { fields.append("\"tenant\":\(quoted(pick(["t", text()])))") }
        if once(in: 3) { fields.append("\"deadline\":\(quoted(pick(["0001-01-01T00:00:00Z", text()])))") }
        if once(in: 4) { fields.append(pick(fields)) }
        let line = Array("{\(fields.joined(separator: ","))}".utf8)
        return (once(in: 4) ? mangled(line) ?? [] : line).filter { $0 != 0x0a }
    }

    /// A path and query of the API.
    package mutating func target() -> String {
        func part(_ text: String) -> String {
            text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "x"
        }
        let cursor = Data("\(signed())/\(text())".utf8).base64EncodedString()
        let query = pick([
            "", "?cursor=\(part(cursor))", "?limit=\(part(text()))", "?acceptedFrom=\(part(text()))",
            "?state=\(part(pick(["failed", text()])))&batch=\(part(text()))",
            "?after=\(part("\(text()):\(signed()):\(signed())"))",
            "?cursor=\(part(text()))", "?destination=\(part(text()))",
        ])
        let tenant = part(pick(["t", "u", text()]))
        return pick([
            "/v1/tenants/\(tenant)/tasks\(query)", "/v1/tenants/\(tenant)/tasks/\(part(text()))\(query)",
            "/v1/tenants/\(tenant)/batches/\(part(text()))", "/v1/tenants/\(tenant)/usage",
            "/v1/tenants/\(tenant)/reasons\(query)", "/v1/tenants/\(tenant)/replays/\(part(text()))",
            "/v1/tenants/\(tenant)/replays", "/v1/tenants/\(tenant)/issues", "/\(part(text()))\(query)",
        ])
    }
}
