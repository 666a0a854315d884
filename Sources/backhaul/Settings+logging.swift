import BackhaulSettings
import BackhaulTelemetry
import Logging

extension Settings {
    /// Logging as the roles have it: once a process.
    func startLogging() {
        applyLogLevel()
        LoggingSystem.bootstrap { JSONLogHandler(label: $0) }
    }

    func applyLogLevel() { JSONLogHandler.threshold = Logger.Level(rawValue: logLevel) ?? .info }
}
