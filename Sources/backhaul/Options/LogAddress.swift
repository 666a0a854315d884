import BackhaulDomain
import BackhaulEmbedded
import BackhaulFiles
import BackhaulKafka
import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import Foundation
import Logging

/// The log that a command works on.
enum LogAddress: Equatable {
    case embedded(folder: String)
    /// `host:port,host:port`
    case kafka(bootstrap: String)

    /// - Throws: `CommandError` for anything but `embedded://` and an absolute folder, or `kafka://` and hosts.
    init(_ text: String) throws {
        if text.hasPrefix("embedded://") {
            let folder = String(text.dropFirst("embedded://".count))
            guard folder.hasPrefix("/") else {
                throw CommandError(
                    "--log \(text): the folder must be absolute, as in embedded:///srv/backhaul", exit: .usage)
            }
            self = .embedded(folder: folder)
        } else if text.hasPrefix("kafka://") {
            var hosts = text.dropFirst("kafka://".count)
            while hosts.hasSuffix("/") { hosts.removeLast() }
            let list = hosts.split(separator: ",", omittingEmptySubsequences: false)
            guard !list.isEmpty, list.allSatisfy(Self.isHost) else {
                throw CommandError(
                    "--log kafka://: give hosts and ports, as in kafka://kafka1:9092,kafka2:9092/ (no user, no path)",
                    exit: .usage)
            }
            self = .kafka(bootstrap: list.map { Self.hasPort($0) ? String($0) : "\($0):9092" }.joined(separator: ","))
        } else {
            throw CommandError(
                "--log \(text) is not a log URL; use kafka://host:port/ or embedded:///absolute/folder", exit: .usage)
        }
    }

    private static func hasPort(_ host: Substring) -> Bool {
        (host.split(separator: "]").last ?? host).contains(":") && !host.hasSuffix("]")
    }

    private static func isHost(_ text: Substring) -> Bool {
        guard !text.isEmpty, !text.contains(where: { "/@?#% \\".contains($0) }) else { return false }
        guard hasPort(text) else { return true }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]) else {
            return false
        }
        return (1...65_535).contains(port) && colon != text.startIndex
    }

    /// Opens the log without owning it.
    /// - Parameter creates: whether to create a missing embedded log, as a submission does. Only `topics apply` creates
    ///   Kafka's topics.
    func open(_ settings: Settings, creates: Bool) async throws -> any MessageLog {
        _ = Self.logging
        switch self {
        case .embedded(let folder):
            return try settings.signed(try await Self.openFolder(folder, settings, creates: creates))
        case .kafka(let bootstrap):
            let log = try settings.kafkaLog(bootstrap, role: "cli", isBrief: true)
            do {
                guard try await log.topics().contains(where: { $0.name == settings.layout.tasks }) else {
                    throw CommandError(
                        "the cluster has no topics that begin with '\(settings.layout.prefix)'; run 'backhaul topics "
                            + "apply --log kafka://\(bootstrap)/', or set topics.prefix to the fleet's prefix")
                }
            } catch {
                await log.close()
                throw error
            }
            return try settings.signed(log)
        }
    }

    private static func openFolder(_ folder: String, _ settings: Settings, creates: Bool) async throws -> EmbeddedLog {
        if !creates, !FileManager.default.fileExists(atPath: folder + "/log.sqlite") {
            throw CommandError(
                "there is no log in \(folder); submit something, or start 'backhaul standalone --data \(folder)'")
        }
        let log = try EmbeddedLog(
            folder: folder, options: settings.embeddedOptions(owns: false), logger: Logger(label: "backhaul.log")
        ) { holder in
            Stderr.say("waiting for \(holder), which holds the lock of the log; continue it, or end it")
        }
        // Existing topics are not changed: only the log's owner configures them.
        if try await log.topics().first(where: { $0.name == settings.layout.tasks }) == nil {
            guard creates else {
                await log.close()
                throw CommandError(
                    "the log in \(folder) has no topics that begin with '\(settings.layout.prefix)'; set topics.prefix "
                        + "to the prefix that its owner uses")
            }
            try await log.ensure(settings.topics)
        }
        DataFolderOwner.adopt(folder)
        if let migration = try await log.migration { Stderr.say("the log in \(folder) \(migration.text)") }
        return log
    }

    /// The brokers of a Kafka log.
    /// - Throws: `CommandError` for an embedded log, whose roles run in one process.
    func requireKafka(for what: String) throws -> String {
        switch self {
        case .kafka(let bootstrap): return bootstrap
        case .embedded:
            throw CommandError(
                "\(what) needs a Kafka log; an embedded log's roles run in one process: backhaul standalone",
                exit: .usage)
        }
    }

    /// Starts logging for a command, once: as the daemon logs (JSON, redacted, on stderr), but errors only.
    static let logging: Void = {
        JSONLogHandler.threshold = .error
        LoggingSystem.bootstrap { JSONLogHandler(label: $0) }
    }()

    /// Returns the path of this machine's view of the log: in an embedded log's folder, else in the user's cache.
    /// - Throws: `CommandError` when no folder can hold it.
    func viewPath(_ settings: Settings) throws -> String {
        switch self {
        case .embedded(let folder): return folder + "/view.sqlite"
        case .kafka(let bootstrap):
            let environment = ProcessInfo.processInfo.environment
            guard
                let cache = environment["XDG_CACHE_HOME"].flatMap({ $0.hasPrefix("/") ? $0 : nil })
                    ?? environment["HOME"].map({ $0 + "/.cache" })
            else { throw CommandError("no folder for the view: set HOME or XDG_CACHE_HOME") }
            let name = (bootstrap + "_" + settings.layout.prefix).map { $0.isLetter || $0.isNumber ? $0 : "-" }
            let folder = cache + "/backhaul/" + String(name.prefix(200))
            do {
                try NewFolder.make(folder)
            } catch {
                throw CommandError("the view's folder \(folder) cannot be created: \(error)")
            }
            return folder + "/view.sqlite"
        }
    }

    /// The data folder of an embedded log.
    var folder: String? {
        switch self {
        case .embedded(let folder): folder
        case .kafka: nil
        }
    }

    var description: String {
        switch self {
        case .embedded(let folder): "embedded://\(folder)"
        case .kafka(let bootstrap): "kafka://\(bootstrap)/"
        }
    }
}
