internal import Foundation

/// The header of a JWT in compact form (RFC 7515, section 4.1), as far as it decides whether the token is looked at.
struct BearerHeader: Decodable, Hashable, Sendable {
    var algorithm: String
    var keyID: String
    var type: String?

    private enum Field: String, CodingKey {
        case alg
        case kid
        case typ
        case crit
    }

    /// - Throws: `Problem` with 401.
    init(of token: String) throws(Problem) {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let data = Self.base64URL(parts[0]) else {
            throw BearerTokens.refusal("it is not a JWT")
        }
        do {
            self = try JSONDecoder().decode(Self.self, from: data)
        } catch let problem as Problem {
            throw problem
        } catch {
            throw BearerTokens.refusal("its header does not name an algorithm (alg) and a key (kid)")
        }
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        // RFC 7515, section 4.1.11: extensions that are not understood make the token invalid, and none is.
        guard !fields.contains(.crit) else { throw BearerTokens.refusal("its header demands extensions (crit)") }
        algorithm = try fields.decode(String.self, forKey: .alg)
        keyID = try fields.decode(String.self, forKey: .kid)
        type = try fields.decodeIfPresent(String.self, forKey: .typ)
    }

    /// Whether the token is of this type: a media type, compared without case and without `application/`.
    func isOf(type wanted: String) -> Bool {
        func plain(_ text: String) -> String {
            let text = text.lowercased()
            return text.hasPrefix("application/") ? String(text.dropFirst("application/".count)) : text
        }
        return type.map { plain($0) == plain(wanted) } ?? false
    }

    private static func base64URL(_ text: Substring) -> Data? {
        guard text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "/") }) else { return nil }
        let plain = text.replacing("-", with: "+").replacing("_", with: "/")
        return Data(base64Encoded: plain + String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4))
    }
}
