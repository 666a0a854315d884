internal import HTTPTypes
internal import Hummingbird

/// `/livez`, `/readyz` and `/metrics`, without authentication.
///
/// Liveness says that the process answers, and checks nothing else; readiness says that its role works.
package enum HealthRoutes {
    private struct Health: Encodable {
        var status: String
        var reason: String?
        /// Warnings about a ready process; left out when empty.
        var remarks: [String]?
    }

    /// - Parameter metrics: returns the metrics in the Prometheus text format.
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
