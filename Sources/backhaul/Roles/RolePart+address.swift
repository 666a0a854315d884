import BackhaulLog
import BackhaulRecords
import BackhaulSettings
import BackhaulWeb
import Foundation
import Logging

extension RolePart {
    /// Leaves the address of the process's API in the log while it runs, so that commands find it.
    static func address(
        of port: ListeningPort, on listen: ListenAddress, _ settings: Settings, in log: any MessageLog, logger: Logger
    ) -> RolePart {
        let machine = ProcessInfo.processInfo.hostName
        let layout = settings.layout
        // The same in each life of a process with a fixed port: one that was killed does not leave a second address.
        @Sendable func process(_ port: Int) -> String { "\(machine):\(port)" }
        return RolePart(
            run: { _ in
                guard let number = await port.wait() else { return }
                let record = APIRecord(
                    url: settings.advertisedURL(listen, port: number), host: machine, startedAt: SystemLogClock.wall)
                do {
                    _ = try await Patience.keepAsking(clock: SystemLogClock()) {
                        Task.isCancelled
                    } onWait: { error in
                        logger.warning("the API's address is not in the log yet", metadata: ["error": "\(error)"])
                    } _: {
                        try await log.append([try record.request(process(number), layout)])
                    }
                } catch let error as LogError {
                    // It serves nonetheless; commands need --api.
                    logger.error("the API's address cannot be left in the log", metadata: ["error": "\(error)"])
                }
            },
            drain: {
                guard let number = port.number else { return }
                // Without brokers it stays there: commands try the next address.
                try? await Deadline.run(.seconds(2)) {
                    _ = try await log.append([APIRecord.tombstone(process(number), layout)])
                }
            })
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
