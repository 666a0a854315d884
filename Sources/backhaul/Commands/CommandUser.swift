import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import Foundation

/// The user of a command, as tasks and acts name it.
enum CommandUser {
    /// `USER@HOST`, by the process's user id.
    static let name: ByteText = {
        let user = getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "uid \(getuid())"
        return ByteText("\(user)@\(ProcessInfo.processInfo.hostName)".bounded(toBytes: Domain.longestLabel))
    }()

    /// This process, for people.
    static var process: String { "\(ProcessInfo.processInfo.hostName):\(getpid())" }

    static var actor: Act.Actor { Act.Actor(name: name, way: .commandLine) }
}

/// Records what a command does: that it begins, and how it ends. One that is killed has no end.
struct CommandAct {
    private let recorder: ActRecorder
    private let kind: Act.Kind
    private let tenant: ByteText?
    private let batch: ByteText?
    private let detail: String

    /// Records the beginning.
    init(
        _ kind: Act.Kind, _ settings: Settings, _ log: any MessageLog, tenant: ByteText? = nil, batch: ByteText? = nil,
        detail: String
    ) async {
        recorder = settings.actRecorder(log, isQuiet: true)
        self.kind = kind
        self.tenant = tenant
        self.batch = batch
        self.detail = detail
        await record(.begun, tasks: 0, counts: [:], detail)
    }

    func end(_ outcome: Act.Outcome, tasks: Int = 0, counts: [String: Int] = [:]) async {
        await record(outcome, tasks: tasks, counts: counts, detail)
    }

    func fail(_ error: any Error) async {
        await record(.failed, tasks: 0, counts: [:], "\(detail); \(Explanation.of(error))")
    }

    private func record(_ outcome: Act.Outcome, tasks: Int, counts: [String: Int], _ detail: String) async {
        let act = Act(
            kind, outcome, by: CommandUser.actor, tenant: tenant, batch: batch, tasks: tasks,
            counts: counts.filter { $0.value > 0 }, detail: detail, at: recorder.now)
        if let problem = await recorder.record(act) { Stderr.say("this is not recorded in acts: \(problem)") }
    }
}
