import BackhaulDestinations
import BackhaulSettings
import BackhaulTelemetry
import Foundation
import Logging

extension Settings {
    /// Returns a tracer that sends spans to the configured collector; nil when none is configured.
    /// - Throws: `CommandError` when the file of headers cannot be used.
    func tracer(role: String, client: OperatorClient) throws -> Tracer? {
        guard !tracing.endpoint.isEmpty else { return nil }
        let base = tracing.endpoint.hasSuffix("/") ? String(tracing.endpoint.dropLast()) : tracing.endpoint
        let headers = try tracingHeaders()
        return Tracer(
            service: ProcessInfo.processInfo.environment["OTEL_SERVICE_NAME"] ?? "backhaul-\(role)",
            version: Version.text, share: tracing.share, logger: Logger(label: "backhaul.tracing")
        ) { data in
            _ = try await client.send("POST", base + "/v1/traces", body: data, headers: headers)
        }
    }

    private func tracingHeaders() throws -> [(name: String, value: String)] {
        var headers = [(name: "Content-Type", value: "application/json")]
        guard !tracing.headersFile.isEmpty else { return headers }
        do {
            headers += try SecretFile.headers(tracing.headersFile).map { ($0.name, $0.value.value) }
        } catch {
            throw CommandError("tracing.headersFile: \(tracing.headersFile) \(error)", exit: .usage)
        }
        return headers
    }
}
