import BackhaulDomain
import BackhaulLog
import BackhaulSettings
import BackhaulView
import Logging

/// The view of a log, opened at the first question: a submission of new files has none.
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

    /// The tasks that the view has, once it has caught up with the log.
    func tasks(_ identities: [TaskIdentity]) async throws -> [TaskIdentity: TaskStatus] {
        let view = try opened()
        // The view may be behind, or no daemon may be running to update it.
        try await view.catchUp()
        return try await view.tasks(identities)
    }

    /// Checks a batch of which a command has found nothing. Not on Kafka, where a view would have to be built first.
    /// - Throws: `CommandError` for a batch of which the log has no task.
    func check(_ batch: ByteText?) async throws {
        guard batch != nil, address.folder != nil else { return }
        let view = try opened()
        defer { close() }
        try await view.catchUp()
        try await NameCheck.batch(batch, view)
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
