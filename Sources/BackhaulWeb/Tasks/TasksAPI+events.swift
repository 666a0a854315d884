internal import BackhaulDomain
internal import BackhaulLog
internal import BackhaulRecords
internal import BackhaulUnits
internal import BackhaulView
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import ServiceLifecycle

/// Server-sent events (WHATWG HTML, section 9.2): each result of a tenant or a batch, and the batch's progress.
extension TasksAPI {
    private static let lastEventID = HTTPField.Name("Last-Event-ID")
    /// Minimum pause between two reads of the log: under load, many results are sent together.
    private static let pause = Duration.milliseconds(200)
    /// A comment is sent after this long without an event, so that no proxy closes an idle stream.
    private static let heartbeat = Duration.seconds(15)
    /// How long a round may take before the caller is checked again.
    private static let patience = Duration.milliseconds(500)

    func events(_ request: Request, _ call: Call) async throws -> Response {
        let tenant = try tenant(call)
        for name in call.query.keys where name != "batch" && name != "from" {
            throw TaskQuery.bad("'\(name.prefix(64))' is not a parameter here")
        }
        let batch = call.query["batch"].map { ByteText($0) }
        let bounds = try await asking { try await log.bounds(layout.results) }
        var cursor = EventCursor(Dictionary(bounds.map { ($0.partition.partition, $0.end) }) { $1 })
        switch call.query["from"] {
        case nil, "now": break
        case "start": cursor = EventCursor(Dictionary(bounds.map { ($0.partition.partition, $0.earliest) }) { $1 })
        default: throw TaskQuery.bad("'from' must be now or start")
        }
        if let name = Self.lastEventID, let text = request.headers[name] {
            guard let last = EventCursor(text) else {
                throw TaskQuery.bad("'Last-Event-ID' was not issued by this API")
            }
            // Offsets of other partitions would only be carried along.
            cursor.next.merge(last.next.filter { cursor.next[$0.key] != nil }) { $1 }
        }
        guard let slot = streams.enter(call.caller, tenant: tenant, own: quotas(tenant).streams) else {
            throw Problem(
                .serviceUnavailable, "too-many-streams", "too many event streams are open", retryAfter: .seconds(30))
        }
        let start = cursor
        let body = ResponseBody { writer in
            try await stream(start, tenant: tenant, batch: batch, call, &writer)
            try await writer.finish(nil)
            withExtendedLifetime(slot) {}
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"], body: body)
    }

    private func stream(
        _ start: EventCursor, tenant: ByteText, batch: ByteText?, _ call: Call, _ writer: inout any ResponseBodyWriter
    ) async throws {
        var cursor = start
        let news = Signal()
        let ending = EndFlag()
        let changes = await log.changes()
        // A batch's progress comes from the view, which lags slightly behind the log.
        let seen = view.watch()
        defer { view.unwatch(seen) }
        let credentials = call.authenticator?.watch()
        defer { if let credentials { call.authenticator?.unwatch(credentials.id) } }
        try await writer.write(ByteBuffer(string: ": results\nretry: 3000\n\n"))
        var shown: StatusCounts?
        // Only a write shows that the client has gone, so one is made regularly even without events.
        var written = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in changes { news.raise() }
                ending.set()
                news.raise()
            }
            group.addTask {
                while !Task.isCancelled, !ending.isSet {
                    await seen.wait()
                    news.raise()
                }
            }
            group.addTask {
                while !Task.isCancelled, !ending.isSet, let credentials {
                    await credentials.signal.wait()
                    news.raise()
                }
            }
            group.addTask {
                // A stream has no end of its own: the graceful shutdown of the server ends it.
                try? await gracefulShutdown()
                ending.set()
                news.raise()
            }
            defer { group.cancelAll() }
            while !ending.isSet {
                // A token that was revoked or has expired ends its streams.
                guard (try? await call.check()) != nil else { return }
                var checked = ContinuousClock.now
                var isBehind = false
                for number in cursor.next.keys.sorted() {
                    guard
                        let sent = try await send(
                            number, &cursor, tenant: tenant, batch: batch, call, &checked, &writer)
                    else { return }
                    isBehind = isBehind || sent.isMore
                    if sent.count > 0 { written = .now }
                }
                if let batch, let counts = try await changed(shown, tenant: tenant, batch: batch) {
                    shown = counts.counts
                    written = .now
                    try await write("progress", counts, cursor, &writer)
                }
                let rest = Self.heartbeat - (ContinuousClock.now - written)
                if rest <= .zero {
                    try await writer.write(ByteBuffer(string: ": still here\n\n"))
                    written = .now
                } else if !isBehind {
                    let expiry = call.caller.expiresAt.map { max(.milliseconds(1), $0 - SystemLogClock.wall) }
                    await news.wait(for: min(rest, expiry ?? rest))
                }
                if !ending.isSet { try await ContinuousClock().sleep(for: Self.pause) }
            }
        }
    }

    /// Sends the next page of a partition's results. To a slow reader that takes long, so that the caller is checked
    /// again meanwhile.
    /// - Parameter checked: when the caller was checked last.
    /// - Returns: nil once the caller's right has ended.
    private func send(
        _ number: Int, _ cursor: inout EventCursor, tenant: ByteText, batch: ByteText?, _ call: Call,
        _ checked: inout ContinuousClock.Instant, _ writer: inout any ResponseBodyWriter
    ) async throws -> (isMore: Bool, count: Int)? {
        let partition = TopicPartition(topic: layout.results, partition: number)
        let from = cursor.next[number] ?? 0
        let page = try await log.tail(partition, from: from, records: 500, bytes: ByteCount(1 << 20))
        guard page.next > from else { return (false, 0) }
        var count = 0
        for stored in page.records {
            if ContinuousClock.now - checked >= Self.patience {
                guard (try? await call.check()) != nil else { return nil }
                checked = .now
            }
            cursor.next[number] = stored.position.offset + 1
            let conflict = ConflictRecord.read(stored.record)?.document
            guard let result = conflict ?? (try? ResultRecord.read(stored.record)), result.tenant == tenant,
                batch == nil || result.batch == batch
            else { continue }
            try await write(conflict == nil ? "result" : "conflict", result, cursor, &writer)
            count += 1
        }
        cursor.next[number] = page.next
        return (page.next < page.end, count)
    }

    private func changed(_ shown: StatusCounts?, tenant: ByteText, batch: ByteText) async throws -> BatchDocument? {
        let document = try await progress(tenant: tenant, batch: batch)
        return document.counts == shown ? nil : document
    }

    private func write(
        _ event: String, _ value: some Encodable, _ cursor: EventCursor, _ writer: inout any ResponseBodyWriter
    ) async throws {
        // One line of JSON, which ends with its newline; an empty line ends the event.
        var buffer = ByteBuffer(string: "id: \(cursor.text)\nevent: \(event)\ndata: ")
        var line = JSONAnswer.line(value)
        buffer.writeBuffer(&line)
        buffer.writeInteger(UInt8(ascii: "\n"))
        try await writer.write(buffer)
    }
}
