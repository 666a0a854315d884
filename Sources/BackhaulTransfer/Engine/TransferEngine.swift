package import BackhaulFiles
internal import BackhaulLoop
internal import CLibcurl
internal import Foundation
internal import Synchronization

/// Makes HTTP requests on libcurl's multi interface, all on one thread of its own.
///
/// Connections are kept and shared by host. Concurrent transfers are limited, in total and per host; the rest wait
/// in the engine's own queues (inside the multi, every waiting handle would cost time on each turn). Cancelling the
/// task that called `run` removes the transfer at once.
package actor TransferEngine: LoopService {
    /// The multi handle, and `curl_multi_wakeup`: the one call that libcurl allows from any thread.
    ///
    /// Unchecked: `raw` is used on the loop's thread only, except by `wake`, which the lock separates from the
    /// clean-up.
    private final class Multi: @unchecked Sendable {
        let raw: UnsafeMutableRawPointer
        private let lock = NSLock()
        private var isGone = false

        init(raw: UnsafeMutableRawPointer) {
            self.raw = raw
        }

        func wake() {
            lock.withLock { if !isGone { curl_multi_wakeup(raw) } }
        }

        func cleanUp() {
            lock.withLock {
                isGone = true
                curl_multi_cleanup(raw)
            }
        }
    }

    private nonisolated let loop: LoopExecutor
    private nonisolated let multi: Multi
    /// Paused transfers that may resume, added by file threads.
    private nonisolated let resumes = Mutex<[UInt64]>([])
    private nonisolated let pool: ReaderPool
    private var limits: TransferLimits
    private nonisolated let egress: EgressPolicy
    private nonisolated let meters: TransferMeters

    private var active: [UInt64: ActiveTransfer] = [:]
    /// Transfers that wait for their host, in order of arrival; a cancelled one is missing from `pending`.
    private var waiting: [String: ArraySlice<UInt64>] = [:]
    /// Hosts with waiting transfers, served in turn.
    private var turns: [String] = []
    private var perHost: [String: Int] = [:]
    private var nextID: UInt64 = 0
    private var isClosed = false

    private struct Pending {
        var request: TransferRequest
        var host: String
        var continuation: CheckedContinuation<TransferReport, any Error>
        let since = ContinuousClock.now
    }

    private var pending: [UInt64: Pending] = [:]
    /// Handles of ended transfers, for reuse: a new one costs more than a small request.
    private var idle: [OpaquePointer] = []
    /// Hosts as libcurl parses them, by the part of the URL before the path.
    private var hosts: [String: String] = [:]

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// - Throws: `TransferError.internalError` when libcurl does not start.
    package init(
        limits: TransferLimits, egress: EgressPolicy, pool: ReaderPool, meters: TransferMeters = TransferMeters()
    ) throws {
        self.meters = meters
        guard CurlGlobal.initialised, let raw = curl_multi_init() else {
            throw TransferError.internalError("libcurl does not start")
        }
        self.limits = limits
        self.egress = egress
        self.pool = pool
        let multi = Multi(raw: raw)
        self.multi = multi
        loop = LoopExecutor(name: "backhaul.transfer") { multi.wake() }
        // More idle connections than concurrent transfers are useless.
        _ = backhaul_multi_set_long(raw, CURLMOPT_MAXCONNECTS, max(8, limits.transfers))
        loop.start(self)
    }

    /// Makes the request and returns its report, which includes failures of the transfer.
    /// - Throws: `CancellationError` when the calling task is cancelled, the work interrupted or the engine closed;
    ///   `TransferError` when the request cannot be made at all.
    package func run(
        _ request: TransferRequest, interruption: Interruption? = nil
    ) async throws -> TransferReport {
        let host = try host(of: request.url, request.sftp == nil ? Self.web : ["sftp"])
        nextID += 1
        let id = nextID
        // An interruption that has already come is filed here; the next turn finds it like a later one.
        interruption?.arm { self.file(cancel: id) }
        defer { interruption?.disarm() }
        return try await withTaskCancellationHandler {
            // Nothing suspends between here and the registration, so a cancel that the handler below files is
            // handled on this executor after it, and finds the transfer.
            try await withCheckedThrowingContinuation { continuation in
                guard !isClosed, !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
                pending[id] = Pending(request: request, host: host, continuation: continuation)
                meters.moved(running: 0, waiting: 1)
                if waiting[host] == nil { turns.append(host) }
                waiting[host, default: []].append(id)
                startWaiting()
            }
        } onCancel: {
            file(cancel: id)
        }
    }

    private nonisolated func file(cancel id: UInt64) {
        cancels.withLock { $0.append(id) }
        multi.wake()
    }

    private static let web: Set<String> = ["http", "https"]

    private nonisolated let cancels = Mutex<[UInt64]>([])

    /// Requires that all addresses of a submitter's URL are allowed. Stricter than the later check of each
    /// connection: a host with one forbidden address is refused, whichever address would be tried first. Blocks.
    /// - Throws: `TransferError`.
    package nonisolated func requireAllowed(_ url: String) throws(TransferError) {
        try egress.requireAllowed(try HostAddresses.all(of: try ParsedURL(url).name))
    }

    /// The key by which connections are shared and counted. Parsing costs as much as a small upload's whole
    /// decision, and the host does not depend on the path as long as that is plain, so hosts are cached by origin.
    private func host(of url: String, _ schemes: Set<String>) throws(TransferError) -> String {
        let utf8 = url.utf8
        guard let scheme = utf8.firstIndex(of: UInt8(ascii: ":")),
            utf8[scheme...].starts(with: "://".utf8),
            let path = utf8[utf8.index(scheme, offsetBy: 3)...].firstIndex(of: UInt8(ascii: "/")),
            utf8[path...].allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") })
        else { return try ParsedURL(url, schemes: schemes).host }
        let origin = String(url[...path])
        if let known = hosts[origin] { return known }
        let host = try ParsedURL(url, schemes: schemes).host
        if hosts.count >= 1_000 { hosts = [:] }
        hosts[origin] = host
        return host
    }

    /// Changes the limits; running transfers continue.
    package func resize(transfers: Int, perHost: Int) {
        guard !isClosed else { return }
        limits.transfers = transfers
        limits.transfersPerHost = perHost
        _ = backhaul_multi_set_long(multi.raw, CURLMOPT_MAXCONNECTS, max(8, transfers))
        startWaiting()
    }

    /// Cancels running and waiting transfers, and ends the thread.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        for id in Array(active.keys) + Array(pending.keys) { cancel(id) }
        for easy in idle { curl_easy_cleanup(UnsafeMutableRawPointer(easy)) }
        idle = []
        multi.cleanUp()
        loop.stop()
    }

    /// The number of running and waiting transfers.
    package var load: (running: Int, waiting: Int) { (active.count, pending.count) }

    // MARK: The loop's turn

    package nonisolated func serve(mayWait: Bool) {
        assumeIsolated { $0.turn(mayWait: mayWait) }
    }

    private func turn(mayWait: Bool) {
        guard !isClosed else { return }
        for id in cancels.withLock({ take(&$0) }) { cancel(id) }
        for id in resumes.withLock({ take(&$0) }) {
            if let easy = active[id]?.easy { curl_easy_pause(UnsafeMutableRawPointer(easy), CURLPAUSE_CONT) }
        }
        var running: Int32 = 0
        curl_multi_perform(multi.raw, &running)
        finishDone()
        // What was filed while libcurl worked is checked before any wait: its wake may already be consumed.
        let isIdle = cancels.withLock { $0.isEmpty } && resumes.withLock { $0.isEmpty }
        if mayWait && isIdle { curl_multi_poll(multi.raw, nil, 0, 500, nil) }
    }

    private nonisolated func take(_ list: inout [UInt64]) -> [UInt64] {
        defer { list = [] }
        return list
    }

    private func finishDone() {
        var left: Int32 = 0
        var finished = false
        while let message = curl_multi_info_read(multi.raw, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            let result = backhaul_message_result(message)
            var owner: UnsafeMutableRawPointer?
            _ = backhaul_get_pointer(easy, CURLINFO_PRIVATE, &owner)
            guard let owner else { continue }
            let transfer = ActiveTransfer.from(owner)
            curl_multi_remove_handle(multi.raw, easy)
            let report = transfer.report(result)
            var connections = 0
            _ = backhaul_get_long(easy, CURLINFO_NUM_CONNECTS, &connections)
            meters.finished(report, connections: connections)
            finish(transfer)
            transfer.continuation.resume(returning: report)
            finished = true
        }
        if finished { startWaiting() }
    }

    // MARK: Starting and ending

    private func startWaiting() {
        // Each pass over the hosts starts one transfer per host below its limit, until no host can start one.
        var isStarting = true
        while isStarting, active.count < limits.transfers {
            isStarting = false
            for host in turns {
                guard active.count < limits.transfers else { return }
                guard perHost[host, default: 0] < limits.transfersPerHost else { continue }
                guard let id = waiting[host]?.popFirst() else { continue }
                if waiting[host]?.isEmpty == true {
                    waiting[host] = nil
                    turns.removeAll { $0 == host }
                }
                isStarting = true
                if let entry = pending.removeValue(forKey: id) {
                    meters.moved(running: 0, waiting: -1)
                    start(id, entry)
                }
            }
        }
    }

    private func start(_ id: UInt64, _ entry: Pending) {
        let feeder = BodyFeeder(entry.request.body, pool: pool, progress: entry.request.progress) { [weak self] in
            guard let self else { return }
            // The file thread that found the list empty has woken the loop, or is about to. The loop takes the
            // whole list.
            let isFirst = resumes.withLock { resumes in
                resumes.append(id)
                return resumes.count == 1
            }
            if isFirst { multi.wake() }
        }
        var request = entry.request
        if let sign = request.sign { request.headers = sign(.now - entry.since) }
        let transfer = ActiveTransfer(
            id: id, request: request, host: entry.host, egress: egress, feeder: feeder,
            continuation: entry.continuation)
        guard let handle = idle.popLast() ?? curl_easy_init().map({ OpaquePointer($0) }) else {
            return entry.continuation.resume(throwing: TransferError.internalError("libcurl returned no handle"))
        }
        let easy = UnsafeMutableRawPointer(handle)
        do {
            try transfer.prepare(limits, handle: handle)
        } catch {
            keep(transfer.release())
            return entry.continuation.resume(throwing: error)
        }
        active[id] = transfer
        meters.moved(running: 1, waiting: 0)
        perHost[entry.host, default: 0] += 1
        guard curl_multi_add_handle(multi.raw, easy) == CURLM_OK else {
            finish(transfer)
            return entry.continuation.resume(throwing: TransferError.internalError("libcurl refused the transfer"))
        }
    }

    private func finish(_ transfer: ActiveTransfer) {
        if active.removeValue(forKey: transfer.id) != nil { meters.moved(running: -1, waiting: 0) }
        let count = perHost[transfer.host, default: 1] - 1
        perHost[transfer.host] = count == 0 ? nil : count
        keep(transfer.release())
    }

    /// Keeps the handle for reuse, up to the number of concurrent transfers.
    private func keep(_ handle: OpaquePointer?) {
        guard let handle else { return }
        guard !isClosed, idle.count < limits.transfers else {
            return curl_easy_cleanup(UnsafeMutableRawPointer(handle))
        }
        idle.append(handle)
    }

    private func cancel(_ id: UInt64) {
        if let entry = pending.removeValue(forKey: id) {
            meters.moved(running: 0, waiting: -1)
            entry.continuation.resume(throwing: CancellationError())
        } else if let transfer = active[id], let easy = transfer.easy {
            curl_multi_remove_handle(multi.raw, UnsafeMutableRawPointer(easy))
            finish(transfer)
            transfer.continuation.resume(throwing: CancellationError())
            startWaiting()
        }
    }
}
