import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import BackhaulView
import BackhaulWeb
import Foundation

/// What a command asks what has become of tasks: the acknowledgers of the fleet where one answers, else a view of this
/// machine.
actor CommandView {
    private let source: ViewSource
    private let log: any MessageLog
    private let address: LogAddress
    private let settings: Settings
    private let local: LazyView
    private var found: FleetView?
    private var hasLooked = false

    init(_ source: ViewSource, log: any MessageLog, address: LogAddress, settings: Settings) {
        self.source = source
        self.log = log
        self.address = address
        self.settings = settings
        local = LazyView(log: log, address: address, settings: settings)
    }

    /// The fleet's view, or this machine's; it has read what the log holds, or says how far it is behind.
    func caughtUp() async throws -> any ViewReader {
        if let fleet = try await fleet() { return fleet }
        if address.folder == nil {
            Stderr.say(
                "reading the whole log here, as no acknowledger's API answers; that may take long; give --api URL")
        }
        return try await local.caughtUp()
    }

    /// This machine's view, once it has read what the log holds.
    func own() async throws -> StatusView { try await local.caughtUp() }

    /// The acknowledgers' views: of the API that the user names, or of those that the log names and that answer.
    /// - Returns: nil where there is none, and on an embedded log, whose view is at hand.
    /// - Throws: `CommandError` when the one that the user names does not answer, and when those that are found refuse
    ///   the token.
    func fleet() async throws -> FleetView? {
        if let found { return found }
        switch source {
        case .local: return nil
        case .api(let url):
            let fleet = FleetView([try AcknowledgerAPI(url, settings, isFound: false)])
            found = fleet
            try await fleet.catchUp()
            return fleet
        case .found:
            guard address.folder == nil, !hasLooked else { return nil }
            hasLooked = true
            found = try await find()
            return found
        }
    }

    /// The most that are tried, at once: each that does not answer costs seconds.
    private static let mostTried = 8

    private func find() async throws -> FleetView? {
        let apis: [AcknowledgerAPI]
        do {
            apis = try await urls().prefix(Self.mostTried).map { try AcknowledgerAPI($0, settings, isFound: true) }
        } catch let error as LogError {
            Stderr.say(
                "where the acknowledgers' APIs are is not known: \(error); 'backhaul topics check' has the rights")
            return nil
        }
        let probes = await withTaskGroup(of: (Int, Result<Int64, any Error>).self) { group in
            for (number, api) in apis.enumerated() {
                group.addTask {
                    do { return (number, .success(try await api.view.probe())) } catch {
                        return (number, .failure(error))
                    }
                }
            }
            return await group.reduce(into: [Int: Result<Int64, any Error>]()) { $0[$1.0] = $1.1 }
        }
        var good: [(api: AcknowledgerAPI, lag: Int64)] = []
        var refusal: CommandError?
        for (number, api) in apis.enumerated() {
            switch probes[number] {
            case .success(let lag): good.append((api, lag))
            case .failure(let error):
                if let error = error as? CommandError, error.exit == .usage { refusal = error }
                await api.close()
            case nil: await api.close()
            }
        }
        if good.isEmpty, let refusal {
            // A token that is refused is a mistake; where none is configured, nobody has asked for this.
            guard settings.api.viewTokenFile.isEmpty else { throw refusal }
            Stderr.say("\(refusal)")
        }
        // The newest first, and stable: of equals the one that started last.
        guard let best = good.min(by: { $0.lag < $1.lag }) else { return nil }
        if best.lag > Overview.notableLag {
            Stderr.say("the acknowledger's view is \(best.lag) records behind the log: what is newer is not known yet")
        }
        return FleetView(good.sorted { $0.lag < $1.lag }.map(\.api))
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
        await found?.close()
        found = nil
    }
}
