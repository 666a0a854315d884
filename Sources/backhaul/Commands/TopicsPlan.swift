import ArgumentParser
import BackhaulDomain
import BackhaulKafka
import BackhaulRecords
import BackhaulSettings
import Foundation

/// Prints what `topics apply` would do.
struct TopicsPlan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Print how Kafka's topics differ from the configuration; changes nothing.")

    @OptionGroup var log: LogOptions

    func run() async throws {
        let settings = try log.settings()
        let (opened, plan) = try await Self.make(try log.address(settings), settings)
        await opened.close()
        try TopicPlanText(plan).print(log.output)
        if plan.changes.isEmpty == false { Stderr.say("'backhaul topics apply --yes' makes these changes") }
        if !plan.problems.isEmpty { throw ProcessExit.usage }
    }

    static func make(_ address: LogAddress, _ settings: Settings) async throws -> (KafkaLog, TopicPlan) {
        let bootstrap = try address.requireKafka(for: "topics plan, apply and check")
        _ = LogAddress.logging
        let opened = try settings.kafkaLog(bootstrap, role: "topics", isBrief: true)
        do {
            return (opened, try await opened.plan(settings.desiredTopics))
        } catch {
            await opened.close()
            throw error
        }
    }
}

/// Changes Kafka's topics to match the configuration.
struct TopicsApply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Create and configure Kafka's topics, and set each group's first position.",
        discussion: """
            Never deletes a topic or a record, and never removes partitions. Without --yes it only prints what it \
            would do. A group that has lost its position (offsets expire when a fleet is off for a week) gets a new \
            one only with --restore-positions: it then reads everything that the topic still holds, and uploads it \
            again.
            """)

    @Flag(help: "Make the changes; without this they are only printed.")
    var yes = false

    @Flag(help: "Let groups that lost their positions start again at the earliest record.")
    var restorePositions = false

    @OptionGroup var log: LogOptions

    func run() async throws {
        let settings = try log.settings()
        let (opened, plan) = try await TopicsPlan.make(try log.address(settings), settings)
        do {
            try TopicPlanText(plan).print(log.output)
            guard plan.problems.isEmpty else { throw ProcessExit.usage }
            if plan.restores, !restorePositions {
                throw CommandError(
                    "groups have lost their positions in topics that exist; with --restore-positions they start at the "
                        + "earliest records, and finished tasks are uploaded again (each keeps its one result)")
            }
            if yes {
                try await opened.apply(plan)
                // The topic may be one that was just created.
                let act = await CommandAct(
                    .topics, settings, try settings.signed(opened),
                    detail: "topics apply" + (restorePositions ? " --restore-positions" : ""))
                await act.end(.done)
            } else if !plan.changes.isEmpty {
                Stderr.say("give --yes to make these changes")
            }
        } catch {
            await opened.close()
            throw error
        }
        await opened.close()
    }
}

/// Checks Kafka's topics against the configuration, and prints the rights that each role needs.
struct TopicsCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check Kafka's topics, and print the rights (ACLs) that each role needs.",
        discussion: "Exits 0 when they are up to date, 1 when 'topics apply' would change them, 2 when it cannot.")

    @OptionGroup var log: LogOptions

    func run() async throws {
        let settings = try log.settings()
        let (opened, plan) = try await TopicsPlan.make(try log.address(settings), settings)
        await opened.close()
        try TopicPlanText(plan).print(log.output)
        try AccessRights(settings.layout).print(log.output)
        if !plan.problems.isEmpty { throw ProcessExit.usage }
        if !plan.changes.isEmpty { throw ProcessExit.failed }
    }
}
