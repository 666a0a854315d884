internal import Foundation
package import HTTPTypes
internal import Hummingbird

/// A refusal as an RFC 9457 problem document: a stable code for programs, a sentence for people.
package struct Problem: Error, Hashable, Sendable {
    package var status: HTTPResponse.Status
    /// Stable; part of the API.
    package var code: String
    package var detail: String
    /// The time after which the same request may succeed.
    package var retryAfter: Duration?

    package init(_ status: HTTPResponse.Status, _ code: String, _ detail: String, retryAfter: Duration? = nil) {
        self.status = status
        self.code = code
        self.detail = detail
        self.retryAfter = retryAfter
    }

    private struct Document: Encodable {
        var type: String
        var title: String
        var status: Int
        var code: String
        var detail: String
    }

    var response: Response {
        let document = Document(
            type: "urn:backhaul:problem:" + code, title: status.reasonPhrase, status: status.code, code: code,
            detail: detail)
        var response = JSONAnswer.response(status, document, contentType: "application/problem+json")
        // RFC 9110, section 11.6.1: a 401 names the scheme.
        if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer realm=\"backhaul\"" }
        if let retryAfter { response.headers[.retryAfter] = String(retryAfter.components.seconds) }
        return response
    }
}
