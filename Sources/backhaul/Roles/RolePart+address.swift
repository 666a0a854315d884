import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import BackhaulView
import Foundation
import Logging

extension RolePart {
    /// Leaves the address of the process's API in the log while it serves, so that commands find it: from when its view
    /// has read the log once, until before it stops to answer.
    static func address(
        of port: ListeningPort, on listen: ListenAddress, _ settings: Settings, in log: any MessageLog,
        once view: StatusView, logger: Logger
    ) -> RolePart {
        let machine = ProcessInfo.processInfo.hostName
        let layout = settings.layout
        let (leaving, left) = (Signal(), Signal())
        return RolePart(
            run: { _ in
                defer { left.raise() }
                guard let number = await port.wait() else { return }
                // The same in each life of a process with a fixed port: a killed one does not leave a second record.
                let process = "\(machine):\(number)"
                let isBuilt = await Self.first(of: { await view.waitUntilBuilt() }, before: leaving)
                guard isBuilt else { return }
                let record = APIRecord(
                    url: settings.advertisedURL(listen, port: number), host: machine, startedAt: SystemLogClock.wall)
                do {
                    _ = try await Patience.keepAsking(clock: SystemLogClock()) {
                        Task.isCancelled
                    } onWait: { error in
                        logger.warning("the API's address is not in the log yet", metadata: ["error": "\(error)"])
                    } _: {
                        try await log.append([try record.request(process, layout)])
                    }
                } catch let error as LogError {
                    // It serves nonetheless; commands need --api.
                    logger.error("the API's address cannot be left in the log", metadata: ["error": "\(error)"])
                }
                await leaving.wait()
                // Without brokers it stays there: commands try the next address.
                _ = try? await log.append([APIRecord.tombstone(process, layout)])
            },
            withdraw: {
                leaving.raise()
                await left.wait(for: .seconds(2))
            })
    }

    /// Whether the work ends before a signal comes.
    private static func first(of work: @escaping @Sendable () async -> Void, before signal: Signal) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await work()
                return !Task.isCancelled
            }
            group.addTask {
                await signal.wait()
                // The signal is for the wait after this one, too; a cancelled wait has had none.
                if !Task.isCancelled { signal.raise() }
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }
}

extension Settings {
    /// Where others reach an API that listens on an address.
    func advertisedURL(_ listen: ListenAddress, port: Int) -> String {
        if !api.advertisedURL.isEmpty { return api.advertisedURL }
        let host = listen.host == "0.0.0.0" ? ProcessInfo.processInfo.hostName : listen.host
        return "\(api.tls == nil ? "http" : "https")://\(host):\(port)"
    }
}
