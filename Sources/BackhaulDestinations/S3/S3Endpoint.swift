/// Where a store's API is, and how a bucket is named there.
package struct S3Endpoint: Hashable, Sendable {
    package enum Addressing: String, Hashable, Sendable, CaseIterable {
        /// `virtual` at Amazon's own endpoints, `path` elsewhere.
        case auto
        /// `https://host/bucket/key`
        case path
        /// `https://bucket.host/key`
        case virtual
    }

    /// `http` or `https`.
    let scheme: String
    /// As the header `Host` has it: with the port, unless that is the scheme's own.
    let host: String
    /// Percent-encoded, before the key, with a leading slash and one at its end.
    let path: String

    /// - Parameter url: checked by `TaskRules.checkURL`.
    package init(url: String, bucket: String, addressing: Addressing) {
        let parts = url.split(separator: "/", omittingEmptySubsequences: true)
        let scheme = parts.first.map { String($0.dropLast()).lowercased() } ?? "https"
        var authority = parts.count > 1 ? String(parts[1]) : ""
        let port = scheme == "https" ? ":443" : ":80"
        if authority.hasSuffix(port) { authority.removeLast(port.count) }
        var path = parts.dropFirst(2).map { "/\($0)" }.joined() + "/"
        let isAmazon = authority.hasSuffix(".amazonaws.com") || authority.hasSuffix(".amazonaws.com.cn")
        // A dot in the name is not covered by the certificate of the store's wildcard.
        if addressing == .virtual || addressing == .auto && isAmazon && !bucket.contains(".") {
            authority = "\(bucket).\(authority)"
        } else {
            path += "\(PercentEncoding.component(bucket))/"
        }
        self.scheme = scheme
        self.host = authority
        self.path = path
    }

    package var description: String { "\(scheme)://\(host)\(path)" }
}
