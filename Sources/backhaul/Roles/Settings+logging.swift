import BackhaulDestinations
import BackhaulSettings
import BackhaulTelemetry
import BackhaulTransfer
import Logging

extension Settings {
    /// Starts logging for a role. Called once per process.
    func startLogging() {
        // First of all: a SIGHUP must not end a role that still waits for its brokers.
        SignalStream.catchReloads()
        applyLogLevel()
        LoggingSystem.bootstrap { JSONLogHandler(label: $0) }
        for (setting, path) in secretFiles where SecretFile.isReadableByAll(path) {
            Logger(label: "backhaul.settings").warning(
                "every user of this machine may read a secret; run 'chmod o-r' on its file",
                metadata: ["setting": "\(setting)", "file": "\(path)"])
        }
    }

    func applyLogLevel() { JSONLogHandler.threshold = Logger.Level(rawValue: logLevel) ?? .info }
}
