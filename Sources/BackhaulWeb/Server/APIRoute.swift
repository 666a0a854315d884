internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// A route of the API: method, path pattern, required scope and handler.
package struct APIRoute: Sendable {
    var method: HTTPRequest.Method
    /// Segments in braces match any text: `/v1/tenants/{tenant}/tasks/{id}`.
    var pattern: String
    /// nil for routes without authentication, such as health.
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

    /// The values of the segments in braces, percent-decoded; nil when the path does not match.
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

/// The caller and the parameters of a request.
package struct Call: Sendable {
    var caller: Caller
    /// The values of the path's segments in braces.
    var parameters: [String: String]
    /// The query's parameters, percent-decoded.
    var query: [String: String]
    /// The caller's IP address; nil in tests without one.
    var address: String?
    /// Checks that the caller is still authorised: during a long request a token may be revoked, or a JWT expire.
    /// - Throws: `Problem`.
    var check: @Sendable () async throws -> Void = {}
    /// Tells when the callers' tokens have changed; nil in tests without one.
    var authenticator: Authenticator?
    /// Called with true when the server starts to work on the request, and with false when it stops. In between,
    /// the client does not count as slow.
    var isWorking: @Sendable (Bool) -> Void = { _ in }
    /// Counts and logs a problem that refuses this many parts of the request, as refused requests are.
    var refused: @Sendable (Problem, _ parts: Int) -> Void = { _, _ in }
    /// How many refused acts of the caller were left out before this one; nil to leave out this one too.
    var refusedActs: @Sendable () -> Int? = { 0 }

    /// - Throws: `Problem` with 500 for a name that the pattern does not have, which is an error in the route.
    func parameter(_ name: String) throws(Problem) -> String {
        guard let value = parameters[name] else {
            throw Problem(.internalServerError, "internal", "internal error; see the service's log output")
        }
        return value
    }
}
