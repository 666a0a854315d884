import BackhaulSettings
import BackhaulTelemetry
import Logging

/// Reloads the configuration at SIGHUP and applies what can change in a running process: live settings, and
/// destinations with their addresses and credentials.
struct Reloader: Sendable {
    /// The settings with which the process started.
    let settings: Settings
    let read: @Sendable () throws -> Settings
    let logger: Logger
    private let last = ReloadOutcome()

    init(_ settings: Settings, logger: Logger, read: @escaping @Sendable () throws -> Settings) {
        self.settings = settings
        self.logger = logger
        self.read = read
    }

    var families: [MetricFamily] { last.families }

    /// - Parameter parts: get the fresh settings, in this order.
    func run(_ parts: [RolePart]) async {
        for part in parts { part.refresh?() }
        let fresh: Settings
        do {
            fresh = try read()
        } catch {
            last.note(isDone: false)
            logger.error("the configuration was not reloaded; the last one stays", metadata: ["error": "\(error)"])
            return
        }
        last.note(isDone: true)
        fresh.applyLogLevel()
        for part in parts { await part.reload?(fresh) }
        let stale = zip(settings.texts, fresh.texts).filter { old, new in
            old.value != new.value && SettingKey.named[old.name]?.isLive != true
        }
        var metadata: Logger.Metadata = ["level": "\(fresh.logLevel)", "callers": "\(fresh.api.tokens.count)"]
        if !stale.isEmpty {
            metadata["needs_restart"] = "\(stale.map(\.0.name).joined(separator: ", "))"
        }
        logger.notice("the configuration was reloaded", metadata: metadata)
    }
}
