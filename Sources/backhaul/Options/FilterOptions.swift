import ArgumentParser
import BackhaulDomain
import BackhaulEmbedded
import BackhaulLog
import BackhaulReplay
import BackhaulSettings

/// Selects the dead letters that a command works on.
struct FilterOptions: ParsableArguments {
    @Option(help: "Only this batch.")
    var batch: ByteText?

    @Option(help: "Only this tenant.")
    var tenant: ByteText?

    @Option(help: "Only this task.")
    var task: ByteText?

    @Option(help: "Only this destination: its name, or its base URL.")
    var destination: ByteText?

    @Option(help: "Only this kind of failure: permanent, transient, source-gone, malformed …")
    var failure: String?

    /// - Throws: `CommandError` for a class of failure that there is not.
    func check() throws {
        try NameCheck.choice(failure, "--failure", among: FailureClass.allCases.map(\.rawValue))
    }

    /// Called when no letter was selected.
    /// - Throws: `CommandError` for a batch that there is not.
    func checkBatch(_ opened: any MessageLog, _ address: LogAddress, _ settings: Settings) async throws {
        try await LazyView(log: opened, address: address, settings: settings).check(batch)
    }

    /// What is selected, in words.
    var description: String {
        let parts = [
            task.map { "task \($0)" }, destination.map { "destination \($0)" }, failure.map { "failure \($0)" },
        ].compactMap(\.self)
        return parts.isEmpty ? "dead letters" : "dead letters of " + parts.joined(separator: ", ")
    }

    var filter: DeadLetterFilter {
        DeadLetterFilter(batch: batch, tenant: tenant, taskID: task, destination: destination, failure: failure)
    }
}

extension Settings {
    func replay(_ log: any MessageLog) -> Replay {
        Replay(log: log, layout: layout, clock: SystemLogClock(), largeThreshold: largeThreshold, isOrdered: isOrdered)
    }
}
