import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import Foundation
import Logging
import Synchronization

extension Settings {
    func actRecorder(_ log: any MessageLog) -> ActRecorder {
        ActRecorder(
            log, layout: layout, host: ProcessInfo.processInfo.hostName, logger: Logger(label: "backhaul.acts"))
    }
}

extension RolePart {
    /// Records that a process started, and changes of its configuration and of its callers' tokens.
    static func acts(
        _ recorder: ActRecorder, role: String, _ settings: Settings, _ tokens: LiveTokens? = nil
    ) -> RolePart {
        let actor = Act.Actor(name: ByteText(role), way: .service)
        let texts = Mutex(settings.texts.map(\.value))
        return RolePart(
            run: { _ in
                await recorder.record(
                    Act(
                        .configuration, .done, by: actor,
                        detail: "started; version \(Version.text), process \(getpid())", at: recorder.now))
                guard let tokens else { return }
                for await change in tokens.changes {
                    await recorder.record(
                        Act(
                            .tokens, change.problem == nil ? .done : .failed, by: actor, detail: change.text,
                            at: recorder.now))
                }
            },
            metrics: { recorder.families },
            reload: { fresh in
                let before = texts.withLock { texts in
                    defer { texts = fresh.texts.map(\.value) }
                    return texts
                }
                let names = zip(fresh.texts, before).filter { $0.value != $1 }.map(\.0.name)
                let sections = "destinations, roots, tenants and files of secrets were read again"
                await recorder.record(
                    Act(
                        .configuration, .done, by: actor,
                        detail: "SIGHUP; " + (names.isEmpty ? "" : "changed: \(names.joined(separator: ", ")); ")
                            + sections,
                        at: recorder.now))
            })
    }
}
