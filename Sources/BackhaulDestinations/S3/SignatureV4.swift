internal import BackhaulDomain
package import BackhaulUnits
internal import Crypto
internal import Foundation

/// Signs requests as AWS and compatible stores ask for it: Signature Version 4, with the header `Authorization`
/// (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html). The path is encoded once, as S3 wants it.
package struct SignatureV4: Sendable {
    private let credentials: S3Credentials
    private let region: String
    private let service: String

    package init(_ credentials: S3Credentials, region: String, service: String = "s3") {
        self.credentials = credentials
        self.region = region
        self.service = service
    }

    /// A request to sign.
    package struct Request: Sendable {
        package var method: String
        package var host: String
        /// Percent-encoded, with the leading slash.
        package var path: String
        /// Names and values, not encoded.
        package var query: [(name: String, value: String)]
        package var headers: [(name: String, value: String)]
        /// SHA-256 of the body in lower-case hex, or a word that S3 takes in its place.
        package var payload: String

        package init(
            method: String, host: String, path: String, query: [(name: String, value: String)] = [],
            headers: [(name: String, value: String)] = [], payload: String
        ) {
            self.method = method
            self.host = host
            self.path = path
            self.query = query
            self.headers = headers
            self.payload = payload
        }
    }

    /// The headers of the signed request: its own, and those of the signature.
    package func sign(_ request: Request, at time: Timestamp) -> [(name: String, value: String)] {
        let stamp = Self.stamp(time)
        var headers = request.headers
        headers.append(("Host", request.host))
        headers.append(("x-amz-date", stamp))
        headers.append(("x-amz-content-sha256", request.payload))
        if let token = credentials.sessionToken { headers.append(("x-amz-security-token", token.value)) }
        let lines = Self.canonical(headers)
        let names = lines.map(\.name).joined(separator: ";")
        let canonical = [
            request.method, request.path, Self.text(of: request.query),
            lines.map { "\($0.name):\($0.value)\n" }.joined(), names, request.payload,
        ].joined(separator: "\n")
        let day = String(stamp.prefix(8))
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let text = [
            "AWS4-HMAC-SHA256", stamp, scope, Hex.encode(SHA256.hash(data: Data(canonical.utf8))),
        ].joined(separator: "\n")
        let signature = [day, region, service, "aws4_request", text].reduce(
            Data("AWS4\(credentials.secretKey.value)".utf8)
        ) { key, part in
            Data(HMAC<SHA256>.authenticationCode(for: Data(part.utf8), using: SymmetricKey(data: key)))
        }
        headers.append(
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope), SignedHeaders=\(names), "
                    + "Signature=\(Hex.encode(signature))"
            ))
        return headers
    }

    /// Sorted by name, the values without blanks around them and with single ones inside.
    private static func canonical(_ headers: [(name: String, value: String)]) -> [(name: String, value: String)] {
        headers.map { header in
            (header.name.lowercased(), header.value.split(separator: " ").joined(separator: " "))
        }.sorted { $0.0 < $1.0 }
    }

    /// A query as it is signed and sent: encoded, sorted by name and value.
    package static func text(of query: [(name: String, value: String)]) -> String {
        query.map { item in
            (PercentEncoding.component(item.name), PercentEncoding.component(item.value))
        }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    /// `20130524T000000Z`.
    static func stamp(_ time: Timestamp) -> String {
        String(TimeText.format(time).prefix(19).filter { $0 != "-" && $0 != ":" }) + "Z"
    }
}
