internal import HTTPTypes
internal import Hummingbird

/// `/livez`, `/readyz` and `/metrics`, for whoever reaches the port.
///
/// Liveness says that the process answers and asks nobody; readiness that its role works.
package enum HealthRoutes {
    private struct Health: Encodable {
        var status: String
        var reason: String?
        /// What people should know though it is ready; missing when there is nothing.
        var remarks: [String]?
    }

    /// - Parameter metrics: what `/metrics` shows, in Prometheus' text format.
    package static func make(_ readiness: Readiness, metrics: @escaping @Sendable () -> String) -> [APIRoute] {
        [
            APIRoute(.get, "/livez", nil) { _, _ in JSONAnswer.response(.ok, Health(status: "live")) },
            APIRoute(.get, "/readyz", nil) { _, _ in
                if let reason = readiness.obstacle {
                    return JSONAnswer.response(.serviceUnavailable, Health(status: "not-ready", reason: reason))
                }
                let remarks = readiness.remarks
                return JSONAnswer.response(
                    .ok, Health(status: "ready", remarks: remarks.isEmpty ? nil : remarks))
            },
            APIRoute(.get, "/metrics", nil) { _, _ in
                Response(
                    status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                    body: ResponseBody(byteBuffer: ByteBuffer(string: metrics())))
            },
        ]
    }
}
