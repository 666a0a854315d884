import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import BackhaulView
import BackhaulWeb
import Foundation

/// What a command asks what has become of tasks: an acknowledger of the fleet where there is one, else a view of this
/// machine.
actor CommandView {
    private let source: ViewSource
    private let log: any MessageLog
    private let address: LogAddress
    private let settings: Settings
    private let local: LazyView
    private var remote: AcknowledgerAPI?
    private var hasLooked = false

    init(_ source: ViewSource, log: any MessageLog, address: LogAddress, settings: Settings) {
        self.source = source
        self.log = log
        self.address = address
        self.settings = settings
        local = LazyView(log: log, address: address, settings: settings)
    }

    /// The acknowledger's view, or this machine's once it has read what the log holds.
    func caughtUp() async throws -> any ViewReader {
        do {
            if let fleet = try await fleet() { return fleet }
        } catch let refusal as CommandError where source == .found {
            Stderr.say("\(refusal)")
        }
        if address.folder == nil {
            Stderr.say(
                "reading the whole log here, as no acknowledger's API answers; that may take long; give --api URL")
        }
        return try await local.caughtUp()
    }

    /// This machine's view, once it has read what the log holds.
    func own() async throws -> StatusView { try await local.caughtUp() }

    /// The view of an acknowledger: the one that `--api` names, or one that the log names and that answers.
    /// - Returns: nil where there is none, and on an embedded log, whose view is at hand.
    /// - Throws: `CommandError` when the only ones that answer refuse the caller.
    func fleet() async throws -> (any ViewReader)? {
        if let remote { return remote.view }
        switch source {
        case .local: return nil
        case .api(let url):
            let api = try AcknowledgerAPI(url, settings)
            remote = api
            return api.view
        case .found:
            guard address.folder == nil, !hasLooked else { return nil }
            hasLooked = true
            return try await find()?.view
        }
    }

    /// The most that are tried: each that does not answer costs seconds.
    private static let mostTried = 4

    private func find() async throws -> AcknowledgerAPI? {
        var refusal: CommandError?
        for url in try await urls().prefix(Self.mostTried) {
            let api = try AcknowledgerAPI(url, settings)
            do {
                _ = try await api.view.known([])
                remote = api
                return api
            } catch let error as CommandError {
                if error.exit == .usage { refusal = error }
                await api.close()
            } catch {
                await api.close()
            }
        }
        if let refusal { throw refusal }
        return nil
    }

    /// The addresses that acknowledgers have left in the log, the newest first. One that was killed may be among them.
    private func urls() async throws -> [String] {
        var found: [String: APIRecord] = [:]
        let partition = TopicPartition(topic: settings.layout.control, partition: 0)
        try await log.scan(partition) { records in
            for stored in records {
                guard let (process, api) = APIRecord.read(stored.record) else { continue }
                found[process] = api
            }
        }
        let here = ProcessInfo.processInfo.hostName
        return found.values.filter { $0.isReachable(from: here) }.sorted { $0.startedAt > $1.startedAt }.map(\.url)
    }

    func close() async {
        await local.close()
        await remote?.close()
        remote = nil
    }
}
