import BackhaulDomain
import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import Foundation
import Logging
import Synchronization

extension Settings {
    /// - Parameter isQuiet: whether the caller says itself what the log does not take.
    func actRecorder(_ log: any MessageLog, isQuiet: Bool = false) -> ActRecorder {
        var logger = Logger(label: "backhaul.acts")
        if isQuiet { logger.logLevel = .critical }
        return ActRecorder(log, layout: layout, host: ProcessInfo.processInfo.hostName, logger: logger)
    }
}

extension RolePart {
    /// Records that a process started, and changes of its configuration and of its callers' tokens.
    static func acts(
        _ recorder: ActRecorder, role: String, _ settings: Settings, _ tokens: LiveTokens? = nil
    ) -> RolePart {
        let actor = Act.Actor(name: ByteText(role), way: .service)
        let texts = Mutex(settings.texts.map(\.value))
        // A reload must not wait for the log: a later part may get the password that makes it answer.
        let (reloads, reloaded) = AsyncStream.makeStream(of: Act.self, bufferingPolicy: .bufferingNewest(100))
        return RolePart(
            run: { _ in
                let started = ["started; version \(Version.text), process \(getpid())", tokens?.callers]
                    .compactMap(\.self).joined(separator: "; ")
                await recorder.record(Act(.configuration, .done, by: actor, detail: started, at: recorder.now))
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { for await act in reloads { await recorder.record(act) } }
                    group.addTask {
                        guard let tokens else { return }
                        for await change in tokens.changes {
                            let outcome = change.problem == nil ? Act.Outcome.done : .failed
                            await recorder.record(
                                Act(.tokens, outcome, by: actor, detail: change.text, at: recorder.now))
                        }
                    }
                }
            },
            metrics: { recorder.families },
            reload: { fresh in
                let before = texts.withLock { texts in
                    defer { texts = fresh.texts.map(\.value) }
                    return texts
                }
                let names = zip(fresh.texts, before).filter { $0.value != $1 }.map(\.0.name)
                let changed = names.isEmpty ? "" : "changed: \(names.joined(separator: ", ")); "
                let detail = "SIGHUP; \(changed)destinations, roots, tenants and files of secrets were read again"
                reloaded.yield(Act(.configuration, .done, by: actor, detail: detail, at: recorder.now))
            })
    }
}
