import BackhaulSettings
import BackhaulTelemetry
import Logging

extension Settings {
    /// Starts logging for a role. Called once per process.
    func startLogging() {
        // First of all: a SIGHUP must not end a role that still waits for its brokers.
        SignalStream.catchReloads()
        applyLogLevel()
        LoggingSystem.bootstrap { JSONLogHandler(label: $0) }
    }

    func applyLogLevel() { JSONLogHandler.threshold = Logger.Level(rawValue: logLevel) ?? .info }
}
