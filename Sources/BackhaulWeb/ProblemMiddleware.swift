internal import HTTPTypes
internal import Hummingbird
internal import Logging

/// Turns every failure into a problem document; what is not meant for callers is only logged.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = BasicRequestContext

    let logger: Logger
    /// The paths that are served, and the methods that each takes.
    let methods: [String: [HTTPRequest.Method]]

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return problem.response
        } catch let error as HTTPError where error.status == .notFound && methods[request.uri.path] != nil {
            let allowed = methods[request.uri.path, default: []].map(\.rawValue).joined(separator: ", ")
            var response = Problem(.methodNotAllowed, "method-not-allowed", "this path takes \(allowed)").response
            response.headers[.allow] = allowed
            return response
        } catch let error as HTTPError {
            return Problem(error.status, Self.code(error.status), error.body ?? error.status.reasonPhrase).response
        } catch is CancellationError {
            return Problem(.serviceUnavailable, "stopping", "the service is stopping", retryAfter: 1).response
        } catch {
            logger.error("a request failed", metadata: ["error": "\(error)"])
            return Problem(.internalServerError, "internal", "an internal error; the service's log has more").response
        }
    }

    private static func code(_ status: HTTPResponse.Status) -> String {
        switch status {
        case .notFound: "not-found"
        case .contentTooLarge: "too-large"
        default: "http-\(status.code)"
        }
    }
}
