/// Removes from a text what no log, record or response may show.
package enum Redaction {
    package static let mark = "<redacted>"

    /// Whether a key alone marks its value as a secret.
    package static func isSecret(key: String) -> Bool {
        let key = key.lowercased()
        return [
            "password", "passwd", "secret", "token", "authorization", "cookie", "credential", "apikey", "api_key",
            "private",
        ]
        .contains { key.contains($0) }
    }

    /// Removes the user-info and the query of every URL, and bearer tokens.
    package static func clean(_ text: String) -> String {
        guard text.contains("://") || text.contains("earer ") else { return text }
        var result = ""
        var rest = Substring(text)
        while let range = rest.range(of: "://") {
            result += rest[..<range.upperBound]
            rest = rest[range.upperBound...]
            let url = rest.prefix { !$0.isWhitespace && $0 != "\"" && $0 != "'" && $0 != ">" && $0 != "<" }
            rest = rest[url.endIndex...]
            let authority = url.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
            if let at = authority.lastIndex(of: "@") { result += mark + authority[at...] } else { result += authority }
            let path = url[authority.endIndex...].prefix { $0 != "?" && $0 != "#" }
            result += path
            if path.endIndex < url.endIndex { result += "?" + mark }
        }
        return cleanBearer(result + rest)
    }

    private static func cleanBearer(_ text: String) -> String {
        var result = ""
        var rest = Substring(text)
        while let range = rest.range(of: "earer ") {
            result += rest[..<range.upperBound] + mark
            rest = rest[range.upperBound...].drop { !$0.isWhitespace && $0 != "\"" && $0 != "," }
        }
        return result + rest
    }
}

extension Substring {
    fileprivate func range(of text: String) -> Range<Index>? {
        let wanted = Array(text.utf8)
        var start = utf8.startIndex
        while start != utf8.endIndex {
            if utf8[start...].starts(with: wanted) { return start..<utf8.index(start, offsetBy: wanted.count) }
            start = utf8.index(after: start)
        }
        return nil
    }
}
