internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// A path of the API: what it takes, who may ask, and who answers.
package struct APIRoute: Sendable {
    var method: HTTPRequest.Method
    /// Segments in braces take any text: `/v1/tenants/{tenant}/tasks/{id}`.
    var pattern: String
    /// nil where everyone may ask: health.
    var scope: Scope?
    var handler: @Sendable (Request, Call) async throws -> Response

    init(
        _ method: HTTPRequest.Method, _ pattern: String, _ scope: Scope?,
        _ handler: @escaping @Sendable (Request, Call) async throws -> Response
    ) {
        self.method = method
        self.pattern = pattern
        self.scope = scope
        self.handler = handler
    }

    /// The texts of the segments in braces, percent-decoded; nil for another path.
    static func match(_ pattern: String, _ path: String) -> [String: String]? {
        let wanted = pattern.split(separator: "/", omittingEmptySubsequences: false)
        let found = path.split(separator: "/", omittingEmptySubsequences: false)
        guard wanted.count == found.count else { return nil }
        var values: [String: String] = [:]
        for (want, text) in zip(wanted, found) {
            if want.hasPrefix("{") {
                guard let value = text.removingPercentEncoding, !value.isEmpty else { return nil }
                values[String(want.dropFirst().dropLast())] = value
            } else if want != text {
                return nil
            }
        }
        return values
    }
}

/// A request whose caller is known.
package struct Call: Sendable {
    var caller: Caller
    /// The texts of the path's segments in braces.
    var parameters: [String: String]
    /// The query's parameters, percent-decoded.
    var query: [String: String]
    /// Whether the caller may still do what he began: tokens are withdrawn, and JWTs end.
    /// - Throws: `Problem`.
    var check: @Sendable () async throws -> Void = {}
    /// Told when the server works on a request, and no more: meanwhile its client is not slow.
    var isWorking: @Sendable (Bool) -> Void = { _ in }

    /// - Throws: `Problem` for a name that the path does not have, which is a mistake of the route's.
    func parameter(_ name: String) throws(Problem) -> String {
        guard let value = parameters[name] else {
            throw Problem(.internalServerError, "internal", "an internal error; the service's log has more")
        }
        return value
    }
}
