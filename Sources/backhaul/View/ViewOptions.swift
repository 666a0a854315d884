import BackhaulEmbedded
import BackhaulLog
import BackhaulSettings
import BackhaulView

extension LogOptions {
    /// Runs a command's work on the view of the log, once that has read what the log holds.
    func viewing<Value>(
        _ body: (StatusView, any MessageLog, Settings, LogAddress) async throws -> Value
    ) async throws -> Value {
        let settings = try self.settings()
        let address = try address(settings)
        let opened = try await address.open(settings, creates: false)
        let lazy = LazyView(log: opened, address: address, settings: settings)
        do {
            let value = try await body(try await lazy.caughtUp(), opened, settings, address)
            await lazy.close()
            await opened.close()
            return value
        } catch {
            await lazy.close()
            await opened.close()
            throw error
        }
    }

    /// Says that nothing will happen on an embedded log without a daemon.
    func warnWithoutDaemon(_ address: LogAddress) {
        guard let folder = address.folder, !FolderLock.isHeld(folder: folder) else { return }
        Stderr.say("no daemon runs on this log; start 'backhaul standalone --data \(folder)'")
    }
}
