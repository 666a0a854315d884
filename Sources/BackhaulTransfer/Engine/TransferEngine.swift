package import BackhaulFiles
internal import BackhaulLoop
internal import CLibcurl
internal import Foundation
internal import Synchronization

/// HTTP requests on libcurl's multi interface, all on one thread of the engine's own.
///
/// Connections are kept and shared by host; so many transfers run at a time, and so many to one host, the rest waits in
/// the engine's own queues (inside the multi every waiting handle would cost each turn). Cancelling the task that
/// called `run` takes the transfer out at once.
package actor TransferEngine: LoopService {
    /// The multi handle, and `curl_multi_wakeup`: the one call that libcurl allows from any thread.
    ///
    /// Unchecked: `raw` is used on the loop's thread only, but for the wake, which the lock keeps from meeting the
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
    /// Paused transfers that may go on, asked for by file threads.
    private nonisolated let resumes = Mutex<[UInt64]>([])
    private nonisolated let pool: ReaderPool
    private var limits: TransferLimits
    private nonisolated let egress: EgressPolicy
    private nonisolated let meters: TransferMeters

    private var active: [UInt64: ActiveTransfer] = [:]
    /// Transfers that wait for their host, first come first served; a cancelled one is gone from `pending`.
    private var waiting: [String: ArraySlice<UInt64>] = [:]
    /// Hosts with waiting transfers, in turn.
    private var turns: [String] = []
    private var perHost: [String: Int] = [:]
    private var nextID: UInt64 = 0
    private var isClosed = false

    private struct Pending {
        var request: TransferRequest
        var host: String
        var continuation: CheckedContinuation<TransferReport, any Error>
    }

    private var pending: [UInt64: Pending] = [:]
    /// Handles of transfers that have ended, to be used again: a new one costs more than a small request.
    private var idle: [OpaquePointer] = []
    /// Hosts of URLs by what stands before their paths, as libcurl reads them.
    private var hosts: [String: String] = [:]

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// - Throws: `TransferFailure.internalError` when libcurl does not come up.
    package init(
        limits: TransferLimits, egress: EgressPolicy, pool: ReaderPool, meters: TransferMeters = TransferMeters()
    ) throws {
        self.meters = meters
        guard CurlGlobal.initialised, let raw = curl_multi_init() else {
            throw TransferFailure.internalError("libcurl does not start")
        }
        self.limits = limits
        self.egress = egress
        self.pool = pool
        let multi = Multi(raw: raw)
        self.multi = multi
        loop = LoopExecutor(name: "backhaul.transfer") { multi.wake() }
        // Idle connections beyond what may run are of no use.
        _ = backhaul_multi_set_long(raw, CURLMOPT_MAXCONNECTS, max(8, limits.transfers))
        loop.start(self)
    }

    /// Makes the request and reports what came of it; failures of the transfer are part of the report.
    /// - Throws: `CancellationError` when the calling task is cancelled, the work interrupted or the engine closed;
    ///   `TransferFailure` when the request cannot be made at all.
    package func run(
        _ request: TransferRequest, interruption: Interruption? = nil
    ) async throws -> TransferReport {
        let host = try host(of: request.url)
        nextID += 1
        let id = nextID
        // An interruption that has come already is filed here, and found by the next turn like one that comes later.
        interruption?.arm { self.file(cancel: id) }
        defer { interruption?.disarm() }
        return try await withTaskCancellationHandler {
            // Between here and the registration nothing suspends, so a cancel that was filed by the handler below runs
            // on this executor after it and finds the transfer.
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

    private nonisolated let cancels = Mutex<[UInt64]>([])

    /// Whether all addresses of a submitter's URL may be connected to. Stricter than the check of each connection, which
    /// stands behind it: a host of which one address is forbidden is no destination, whichever would have been tried first.
    /// Blocks.
    /// - Throws: `TransferFailure`.
    package nonisolated func requireAllowed(_ url: String) throws(TransferFailure) {
        let name = try ParsedURL(url).name
        for address in try HostAddresses.all(of: name) where !egress.allows(address) {
            throw .egressRefused(address.description)
        }
    }

    /// What a connection is shared by and counted for. Parsing costs as much as a small upload's whole decision, and the
    /// host does not hang on what follows it, as long as that is plain.
    private func host(of url: String) throws(TransferFailure) -> String {
        let utf8 = url.utf8
        guard let scheme = utf8.firstIndex(of: UInt8(ascii: ":")),
            utf8[scheme...].starts(with: "://".utf8),
            let path = utf8[utf8.index(scheme, offsetBy: 3)...].firstIndex(of: UInt8(ascii: "/")),
            utf8[path...].allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") })
        else { return try ParsedURL(url).host }
        let origin = String(url[...path])
        if let known = hosts[origin] { return known }
        let host = try ParsedURL(url).host
        if hosts.count >= 1_000 { hosts = [:] }
        hosts[origin] = host
        return host
    }

    /// From now on so many at a time; what runs goes on.
    package func resize(transfers: Int, perHost: Int) {
        guard !isClosed else { return }
        limits.transfers = transfers
        limits.transfersPerHost = perHost
        _ = backhaul_multi_set_long(multi.raw, CURLMOPT_MAXCONNECTS, max(8, transfers))
        startWaiting()
    }

    /// Cancels what runs and waits, and ends the thread.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        for id in Array(active.keys) + Array(pending.keys) { cancel(id) }
        for easy in idle { curl_easy_cleanup(UnsafeMutableRawPointer(easy)) }
        idle = []
        multi.cleanUp()
        loop.stop()
    }

    /// Transfers under way and waiting.
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
        // What was filed while libcurl worked is looked at before any wait: its wake may have been used up already.
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
        // One pass over the hosts in turn starts one transfer of each that may have one more, until none may.
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
            // Whoever found the list empty has woken the thread, or is about to; it takes the whole list.
            let isFirst = resumes.withLock { resumes in
                resumes.append(id)
                return resumes.count == 1
            }
            if isFirst { multi.wake() }
        }
        let transfer = ActiveTransfer(
            id: id, request: entry.request, host: entry.host, egress: egress, feeder: feeder,
            continuation: entry.continuation)
        guard let handle = idle.popLast() ?? curl_easy_init().map({ OpaquePointer($0) }) else {
            return entry.continuation.resume(throwing: TransferFailure.internalError("libcurl gave no handle"))
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
            return entry.continuation.resume(throwing: TransferFailure.internalError("libcurl took no transfer"))
        }
    }

    private func finish(_ transfer: ActiveTransfer) {
        if active.removeValue(forKey: transfer.id) != nil { meters.moved(running: -1, waiting: 0) }
        let count = perHost[transfer.host, default: 1] - 1
        perHost[transfer.host] = count == 0 ? nil : count
        keep(transfer.release())
    }

    /// Keeps as many handles as may run, for those to come.
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
