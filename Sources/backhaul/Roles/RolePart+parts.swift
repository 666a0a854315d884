import BackhaulAcknowledgment
import BackhaulEmbedded
import BackhaulKafka
import BackhaulLog
import BackhaulReplay
import BackhaulSettings
import BackhaulTelemetry
import BackhaulView
import BackhaulWeb
import Logging

/// The parts that several roles have.
extension RolePart {
    static func acknowledger(_ acknowledger: Acknowledger) -> RolePart {
        RolePart(
            run: { try await acknowledger.run(onReady: $0) }, isAwaited: true, remark: { acknowledger.remark },
            metrics: { acknowledger.families }, drain: { await acknowledger.stop() })
    }

    /// Runs replays, or waits until the process that does has gone.
    static func replays(_ settings: Settings, _ log: any MessageLog, clock: any LogClock) -> RolePart {
        let runner = settings.replay(log, clock: clock).runner(
            process: CommandUser.process, logger: Logger(label: "backhaul.replay"))
        return RolePart(
            run: { _ in try await runner.run() }, metrics: { runner.families }, drain: { await runner.stop() })
    }

    /// How tasks stand, of a view.
    static func tasks(_ gauges: ViewGauges) -> RolePart {
        RolePart(run: { _ in try await gauges.run() }, metrics: { gauges.families })
    }

    /// What the kernel says of the process, and of the disk of its data.
    static func process(folder: String?) -> RolePart {
        RolePart(metrics: { ProcessGauges.families(folder: folder) })
    }

    static func view(_ view: StatusView) -> RolePart {
        RolePart(
            run: { _ in try await view.run() }, obstacle: { view.obstacle }, metrics: { view.families },
            close: { try? view.close() })
    }

    static func outstandingWork(_ gauges: OutstandingGauges) -> RolePart {
        RolePart(run: { _ in try await gauges.run() }, metrics: { gauges.families })
    }

    static func maintenance(
        of log: any MessageLog, every interval: Duration, clock: any LogClock, logger: Logger
    ) -> RolePart {
        RolePart(run: { _ in try await LogMaintenance.run(log, every: interval, clock: clock, logger: logger) })
    }

    /// Ready once the log has answered.
    static func probe(_ probe: LogProbe) -> RolePart {
        RolePart(run: { await probe.run(onReady: $0) }, isAwaited: true, obstacle: { probe.obstacle })
    }

    /// Who may call, how much they may submit, and what.
    static func callers(_ tokens: LiveTokens, _ rules: LiveRules, _ limits: TenantLimits? = nil) -> RolePart {
        RolePart(
            run: { _ in await tokens.run() }, remark: { tokens.remark }, metrics: { tokens.families },
            refresh: { tokens.refresh() },
            reload: { settings in
                tokens.use(settings.api.tokensFile)
                limits?.replace(settings.ingestRules.quotas)
                rules.replace(settings.ingestRules)
            })
    }

    static func certificate(_ live: LiveCertificate) -> RolePart {
        RolePart(
            run: { _ in await live.run() }, remark: { live.remark }, metrics: { live.families },
            refresh: { live.refresh() })
    }

    static func embeddedLog(_ log: EmbeddedLog) -> RolePart {
        RolePart(
            obstacle: { log.obstacle }, remark: { log.remark }, metrics: { log.families }, close: { await log.close() })
    }

    static func kafkaLog(_ log: KafkaLog) -> RolePart {
        RolePart(metrics: { KafkaGauges.families(log) }, reload: { $0.reload(log) }, close: { await log.close() })
    }

    /// Sends traces if the configuration names a collector, and closes the client that it sends them with.
    static func tracing(_ tracer: Tracer?, _ client: OperatorClient) -> RolePart {
        RolePart(
            run: { _ in await tracer?.run() }, metrics: { tracer?.families ?? [] },
            close: {
                await tracer?.close()
                await client.close()
            })
    }
}
