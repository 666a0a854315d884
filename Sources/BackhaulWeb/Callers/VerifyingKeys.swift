internal import BackhaulDomain
internal import Foundation
internal import JWTKit

/// The keys of a JSON Web Key Set (RFC 7517), each with the algorithms that it may verify.
///
/// The algorithms are fixed when the set is loaded, from the key alone: a token chooses among them and cannot add one
/// (RFC 8725, section 3.1).
struct VerifyingKeys: Sendable {
    private struct Key {
        var algorithm: String
        /// Holds this key only, for this algorithm only.
        var collection: JWTKeyCollection
    }

    private var keys: [ByteText: [Key]] = [:]

    init() {}

    /// Loads a key set. Keys of kinds that are not accepted, such as shared secrets, are left out; the other keys stay
    /// usable.
    /// - Throws: `DecodingError` when the text is not a key set.
    init(json: String) async throws {
        for entry in try JSONDecoder().decode(KeySet.self, from: Data(json.utf8)).keys {
            guard var key = entry.key, let id = key.keyIdentifier?.string else { continue }
            for algorithm in Self.algorithms(of: key) {
                guard let named = JWK.Algorithm(rawValue: algorithm) else { continue }
                key.algorithm = named
                let collection = JWTKeyCollection()
                guard (try? await collection.add(jwk: key)) != nil else { continue }
                keys[ByteText(id), default: []].append(Key(algorithm: algorithm, collection: collection))
            }
        }
    }

    func contains(_ id: ByteText) -> Bool { keys[id] != nil }

    /// The claims of a token that a key of this id has signed by this algorithm; nil when none has.
    func claims(of token: String, id: ByteText, algorithm: String) async -> Claims? {
        for key in keys[id] ?? [] where key.algorithm == algorithm {
            if let claims = try? await key.collection.verify(token, as: Claims.self) { return claims }
        }
        return nil
    }

    /// RFC 7518, section 3.1, and RFC 8037: an RSA key verifies the algorithm that it states, or else RSASSA-PKCS1-v1_5
    /// with any hash; an elliptic curve has one algorithm.
    private static func algorithms(of key: JWK) -> [String] {
        let possible: [String]
        switch (key.keyType, key.curve?.rawValue) {
        case (.rsa, _):
            let signatures = ["RS256", "RS384", "RS512"]
            possible = key.algorithm == nil ? signatures : signatures + ["PS256", "PS384", "PS512"]
        case (.ecdsa, "P-256"): possible = ["ES256"]
        case (.ecdsa, "P-384"): possible = ["ES384"]
        case (.ecdsa, "P-521"): possible = ["ES512"]
        case (.octetKeyPair, "Ed25519"): possible = ["EdDSA"]
        default: possible = []
        }
        guard let stated = key.algorithm?.rawValue else { return possible }
        return possible.filter { $0 == stated }
    }

    private struct KeySet: Decodable {
        struct Entry: Decodable {
            /// nil for a key that does not verify signatures, or of a kind that is not accepted.
            var key: JWK?

            private enum Field: String, CodingKey {
                case use
                case operations = "key_ops"
            }

            init(from decoder: any Decoder) {
                guard let fields = try? decoder.container(keyedBy: Field.self) else { return }
                // Absent means any use; a key for encryption verifies nothing.
                if fields.contains(.use), (try? fields.decode(String.self, forKey: .use)) != "sig" { return }
                if fields.contains(.operations) {
                    let operations = (try? fields.decode([String].self, forKey: .operations)) ?? []
                    guard operations.contains("verify") else { return }
                }
                key = try? JWK(from: decoder)
            }
        }

        var keys: [Entry]
    }
}
