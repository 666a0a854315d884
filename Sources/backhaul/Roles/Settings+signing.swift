import BackhaulDestinations
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import Logging

extension Settings {
    /// The log with signatures where the configuration has keys, otherwise as it is.
    /// - Throws: `CommandError` when the key file has no usable keys.
    func signed(_ log: any MessageLog) throws -> any MessageLog {
        guard let keys = try recordKeys() else { return log }
        return SignedLog(log, keys: keys, logger: Logger(label: "backhaul.records"))
    }

    /// - Throws: `CommandError`.
    func recordKeys() throws -> SigningKeys? {
        guard let signingKeys else { return nil }
        do {
            return try SigningKeys(parsing: signingKeys.value)
        } catch {
            throw CommandError("records.signing.keyFile: \(error)", exit: .usage)
        }
    }
}

extension RolePart {
    /// The signatures of a log's records, whose keys change at SIGHUP.
    static func signatures(_ log: any MessageLog, logger: Logger) -> RolePart {
        guard let signed = log as? SignedLog else { return RolePart() }
        return RolePart(
            metrics: { signed.families },
            reload: { settings in
                do {
                    // Without a key every record would pass: that takes a restart.
                    guard let keys = try settings.recordKeys() else {
                        logger.error("records.signing.keyFile is no longer set; records stay signed until a restart")
                        return
                    }
                    signed.replace(keys)
                } catch {
                    logger.error(
                        "the signing keys were not reloaded; the last ones stay", metadata: ["error": "\(error)"])
                }
            })
    }
}
