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
        let lazy = LazyView(log: opened, address: address, settings: settings)
        let counts: StatusCounts
        do {
            let view = try await lazy.caughtUp()
            counts = try await view.counts(batch: batch, tenant: tenant)
            if counts.accepted == 0 { try await NameCheck.batch(batch, view) }
        } catch {
            await lazy.close()
            await opened.close()
            throw error
        }
        await lazy.close()
        await opened.close()
        if log.output == .json { return try Output.json(counts) }
        Output.table([
            ["STATE", "TASKS"], ["accepted", "\(counts.accepted)"], ["waiting", "\(counts.waiting)"],
            ["running", "\(counts.running)"], ["retrying", "\(counts.retrying)"], ["succeeded", "\(counts.succeeded)"],
            ["failed", "\(counts.failed)"], ["cancelled", "\(counts.cancelled)"], ["expired", "\(counts.expired)"],
        ])
    }
}
