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
        let text: String
        do {
            text = try SecretFile.read(tracing.headersFile)
        } catch {
            throw CommandError("tracing.headersFile: \(tracing.headersFile) \(error)", exit: .usage)
        }
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else {
                throw CommandError(
                    "tracing.headersFile: \(tracing.headersFile) has a line that is not 'Name: value'", exit: .usage)
            }
            headers.append(
                (
                    line[..<colon].trimmingCharacters(in: .whitespaces),
                    line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
                ))
        }
        return headers
    }
}
