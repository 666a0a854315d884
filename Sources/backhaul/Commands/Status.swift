import ArgumentParser
import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulSettings
import BackhaulView
import Foundation
import Logging

/// Counts the tasks in each state.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show how many tasks are in each state.")

    @Option(help: "Only this batch.")
    var batch: ByteText?

    @Option(help: "Only this tenant.")
    var tenant: ByteText?

    @OptionGroup var log: LogOptions

    func run() async throws {
        let settings = try log.common.settings()
        let address = try log.address()
        let opened = try await address.open(settings, creates: false)
        let view = try StatusView(
            path: try address.viewPath(settings), log: opened, layout: settings.layout,
            holdsTruncation: address.folder != nil, logger: Logger(label: "backhaul.view"))
        // The view may be behind, or no daemon may be running to update it.
        try await view.catchUp()
        let counts: StatusCounts
        do {
            counts = try await view.counts(batch: batch, tenant: tenant)
            if counts.accepted == 0 { try await NameCheck.batch(batch, view) }
        } catch {
            try? view.close()
            await opened.close()
            throw error
        }
        try view.close()
        await opened.close()
        if log.output == .json { return try Output.json(counts) }
        Output.table([
            ["STATE", "TASKS"], ["accepted", "\(counts.accepted)"], ["waiting", "\(counts.waiting)"],
            ["running", "\(counts.running)"], ["retrying", "\(counts.retrying)"], ["succeeded", "\(counts.succeeded)"],
            ["failed", "\(counts.failed)"], ["cancelled", "\(counts.cancelled)"], ["expired", "\(counts.expired)"],
        ])
    }
}
