import BackhaulDomain
import BackhaulLog
import BackhaulSettings
import BackhaulView
import Logging

/// The view of a log for a command, opened at the first question: a submission of new files has none.
actor LazyView {
    private let log: any MessageLog
    private let address: LogAddress
    private let settings: Settings
    private var view: StatusView?

    init(log: any MessageLog, address: LogAddress, settings: Settings) {
        self.log = log
        self.address = address
        self.settings = settings
    }

    /// Checks a batch of which a command has found nothing. Not on Kafka, where a view would have to be built first.
    /// - Throws: `CommandError` for a batch of which the log has no task.
    func check(_ batch: ByteText?) async throws {
        guard batch != nil, address.folder != nil else { return }
        defer { close() }
        try await NameCheck.batch(batch, try await caughtUp())
    }

    /// The view, once it has read what the log holds: it may be behind, and no daemon may be running to update it.
    func caughtUp() async throws -> StatusView {
        let view = try opened()
        try await view.catchUp()
        return view
    }

    private func opened() throws -> StatusView {
        if let view { return view }
        let view = try StatusView(
            path: try address.viewPath(settings), log: log, layout: settings.layout,
            holdsTruncation: address.folder != nil, logger: Logger(label: "backhaul.view"))
        self.view = view
        return view
    }

    func close() {
        try? view?.close()
        view = nil
    }
}
