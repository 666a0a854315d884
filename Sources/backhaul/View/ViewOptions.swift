import ArgumentParser
import BackhaulEmbedded
import BackhaulLog
import BackhaulSettings
import BackhaulView
import Foundation

/// Options of the commands that ask what has become of tasks.
struct ViewOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The API of an acknowledger with --data, which answers for the fleet (default: one that the Kafka log names; "
                + "'none': read the log here). Environment: BACKHAUL_API.", valueName: "url"))
    var api: String?

    @OptionGroup var log: LogOptions

    var output: OutputFormat { log.output }

    /// A command for a hint, with the log, the configuration and the API that were given.
    func hint(_ command: String) -> String {
        log.hint(command) + (api.map { " --api \(LogOptions.quoted($0))" } ?? "")
    }

    /// Where the answers come from.
    /// - Throws: `CommandError` for an address that is none.
    func source(_ settings: Settings) throws -> ViewSource {
        if let api { return try ViewSource(api) }
        return try ViewSource(default: try? log.address(settings))
    }

    /// Runs a command's questions. Where an acknowledger is named, the log is not opened.
    func viewing<Value>(
        _ body: (any ViewReader, Settings, LogAddress?) async throws -> Value
    ) async throws -> Value {
        let settings = try log.settings()
        guard case .api(let url) = try source(settings) else {
            return try await working { view, _, settings, address in try await body(view, settings, address) }
        }
        let fleet = FleetView([try AcknowledgerAPI(url, settings, isFound: false)])
        return try await closing({ await fleet.close() }) {
            try await fleet.catchUp()
            return try await body(fleet, settings, nil)
        }
    }

    /// Runs a command's work on the log, with a view of it that has read what the log holds.
    /// - Throws: `CommandError` for an API beside an embedded log: it may be of another one.
    func working<Value>(
        _ body: (any ViewReader, any MessageLog, Settings, LogAddress) async throws -> Value
    ) async throws -> Value {
        let settings = try log.settings()
        let source = try source(settings)
        let address = try log.address(settings)
        if case .api = source, let folder = address.folder {
            throw CommandError(
                "--api is of a fleet, and the log in \(folder) is of this machine; leave one of them out", exit: .usage)
        }
        let opened = try await address.open(settings, creates: false)
        let view = CommandView(source, log: opened, address: address, settings: settings)
        return try await closing({
            await view.close()
            await opened.close()
        }) {
            try await body(try await view.caughtUp(), opened, settings, address)
        }
    }

    private func closing<Value>(
        _ close: () async -> Void, _ body: () async throws -> Value
    ) async throws -> Value {
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        await close()
        return try result.get()
    }
}

extension LogAddress {
    /// Says that nothing will happen on an embedded log without a daemon.
    func warnWithoutDaemon() {
        guard let folder, !FolderLock.isHeld(folder: folder) else { return }
        Stderr.say("no daemon runs on this log; start 'backhaul standalone --data \(folder)'")
    }
}
