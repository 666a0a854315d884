import BackhaulSettings
import BackhaulTelemetry
import Logging

extension Settings {
    /// Logging as the roles have it: once a process.
    func startLogging() {
        // From the first moment on: a reload must not end a role that still waits for its brokers.
        SignalStream.catchReloads()
        applyLogLevel()
        LoggingSystem.bootstrap { JSONLogHandler(label: $0) }
    }

    func applyLogLevel() { JSONLogHandler.threshold = Logger.Level(rawValue: logLevel) ?? .info }
}
