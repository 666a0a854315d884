import BackhaulDestinations
import BackhaulLog
import BackhaulSettings
import BackhaulTelemetry
import BackhaulUnits
import BackhaulWeb
import Foundation
import Logging
import Synchronization

/// The certificate of a running service: read again when its files change, and at SIGHUP. Files that cannot be used
/// leave the last certificate in use.
final class LiveCertificate: Sendable {
    let certificate: ServerCertificate
    private let files: APISettings.TLS
    private let logger: Logger
    private let follower: FileFollower
    private let state: Mutex<(texts: ServerCertificate.Texts, problem: String?)>

    /// - Throws: `CommandError` when the files cannot be used.
    init(_ files: APISettings.TLS, logger: Logger) throws {
        self.files = files
        self.logger = logger
        follower = FileFollower(settling: .milliseconds(500))
        let texts = try Self.texts(files)
        do {
            certificate = try ServerCertificate(texts)
        } catch {
            throw CommandError("api.tls: \(error)", exit: .usage)
        }
        state = Mutex((texts, nil))
    }

    private static func texts(_ files: APISettings.TLS) throws -> ServerCertificate.Texts {
        func read(_ setting: String, _ path: String) throws -> String {
            do {
                return try SecretFile.read(path)
            } catch {
                throw CommandError("api.tls.\(setting): \(path) \(error)", exit: .usage)
            }
        }
        return ServerCertificate.Texts(
            chain: try read("certificateFile", files.certificateFile), key: try read("keyFile", files.keyFile),
            clientAuthorities: files.clientCAFile.isEmpty ? nil : try read("clientCAFile", files.clientCAFile))
    }

    /// Follows the files until cancelled.
    func run() async {
        let paths = [files.certificateFile, files.keyFile, files.clientCAFile].filter { !$0.isEmpty }
        await follower.run {
            paths
        } _: {
            refresh()
        }
    }

    /// Reads the files now.
    func refresh() {
        let known = state.withLock(\.self)
        do {
            let texts = try Self.texts(files)
            guard texts != known.texts || known.problem != nil else { return }
            try certificate.replace(texts)
            state.withLock { $0 = (texts, nil) }
            logger.notice(
                "the certificate was read", metadata: ["expires": "\(TimeText.format(certificate.expiresAt))"])
        } catch {
            guard known.problem != "\(error)" else { return }
            state.withLock { $0.problem = "\(error)" }
            logger.error("the certificate was not read again; the last one stays", metadata: ["error": "\(error)"])
        }
    }

    /// What operators should know; nil for nothing.
    var remark: String? {
        if let problem = state.withLock(\.problem) { return "the certificate was not read again: \(problem)" }
        return certificate.expiresAt <= SystemLogClock.wall ? "the certificate of the API has expired" : nil
    }

    var families: [MetricFamily] {
        [
            MetricFamily(
                "backhaul_api_certificate_expiry_timestamp_seconds",
                "When the certificate of the API expires, in Unix time.", .gauge,
                [MetricFamily.Sample(Double(certificate.expiresAt.milliseconds) / 1_000, [])])
        ]
    }
}
