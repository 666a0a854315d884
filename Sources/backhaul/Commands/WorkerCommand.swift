import ArgumentParser
import BackhaulDomain
import BackhaulKafka
import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import BackhaulTransfer
import BackhaulWeb
import Foundation
import Logging

/// Runs workers of a fleet.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Run workers of a fleet: read tasks from Kafka and upload them.",
        discussion: """
            Prints one JSON line with "event":"ready" on stderr once it has joined its groups. SIGTERM drains and \
            exits 0. Run up to one worker per partition of the task topics; each reads the files below sources.roots.

            Example: backhaul worker --log kafka://kafka1:9092,kafka2:9092/ --config backhaul.yaml
            """)

    @Option(help: ArgumentHelp("Number of workers (not uploads; see limits.uploads).", valueName: "count"))
    var workers = 1

    @OptionGroup var fleet: FleetOptions

    func validate() throws {
        guard (1...64).contains(workers) else { throw ValidationError("--workers takes 1 to 64") }
    }

    func run() async throws {
        let (bootstrap, settings, addresses) = try fleet.prepare("worker", hasAPI: false, needs: .destinations)
        try DescriptorBudget.require(
            transfers: workers * settings.transfersWithFiles, connections: [DescriptorBudget.healthConnections])
        let kafka = try await fleet.open(bootstrap, settings, role: "worker", at: addresses)
        let log = try settings.signed(kafka)
        let client = try OperatorClient()
        let tracer = try settings.tracer(role: "worker", client: client)
        let workerPool = try WorkerPool(
            log: log, settings: settings, count: workers, roots: settings.sourceRoots(folder: nil),
            egress: settings.egress(isLocal: false), decisionsPerUpload: 8, servesAPI: false, clock: SystemLogClock(),
            tracer: tracer)
        try await workerPool.sweep()
        let acts = settings.actRecorder(log)
        let process = ServiceProcess(
            role: "worker", addresses: addresses,
            facts: [
                "brokers": bootstrap, "workers": "\(workers)", "librdkafka": KafkaLog.libraryVersion,
                "delivery": (fleet.delivery ?? settings.delivery).rawValue,
            ],
            parts: workerPool.parts + [
                .process(folder: nil),
                .probe(LogProbe(log, topic: settings.layout.tasks, logger: Logger(label: "backhaul.worker"))),
                .acts(acts, role: "worker", settings), .signatures(log, logger: Logger(label: "backhaul.worker")),
                .kafkaLog(kafka), .tracing(tracer, client),
            ],
            maximumShutdown: settings.maximumShutdown, reloader: fleet.reloader(settings, role: "worker"))
        try await process.run()
    }
}
